//! Debian's own kernels, for comparison: fetched as packages, unpacked into `target/linux`, and never installed.
//!
//! A package that always depends on the newest kernel leads to it. apt uses the sources of this system, but lists and a
//! configuration of its own: to add a foreign architecture to a system changes what its `apt-get update` does. The
//! folder `target/linux/WIDTH` gets its name last, so it is complete if it exists, and isn't fetched again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::output::{create, write};
use crate::process::{command, run_quietly};
use crate::{Result, Width, root, say};

const IMAGE: &str = "vmlinuz";
const PACKAGE: &str = "package";

/// The folder of the unpacked files, inside the one to which everything is fetched.
const UNPACKED: &str = "unpacked";

const TOOLS: [&str; 4] = ["apt-get", "apt-cache", "dpkg-deb", "tar"];

/// The modules by which a program drives a PCI device, in the order in which they are loaded.
pub const MODULES: [&str; 2] = ["uio.ko", "uio_pci_generic.ko"];

/// The unpacked files of a kernel's package.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kernel {
    folder: PathBuf,
}

impl Kernel {
    /// Returns the kernel in the form that loaders take.
    pub fn image(&self) -> PathBuf {
        self.folder.join(IMAGE)
    }

    /// Returns the file of one of [`MODULES`].
    pub fn module(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the package's name and version.
    pub fn package(&self) -> Result<String> {
        let file = self.folder.join(PACKAGE);
        let text = fs::read_to_string(&file).map_err(|error| format!("can't read {}: {error}", file.display()))?;
        Ok(text.trim().to_owned())
    }
}

/// Returns the kernel of a width. Fetches it if it isn't there.
pub fn kernel(width: Width) -> Result<Kernel> {
    let folder = root().join("target/linux").join(width.name());
    if !folder.exists() {
        let part = folder.with_extension("part");
        remove(&part)?;
        let fetched = fetch(width, &part).and_then(|()| {
            fs::rename(part.join(UNPACKED), &folder)
                .map_err(|error| format!("can't move what {} holds: {error}", part.display()))
        });
        remove(&part)?;
        fetched.map_err(|why| format!("{why}\n{}", way_around(width, &folder)))?;
    }
    Ok(Kernel { folder })
}

/// Returns Debian's name of a width.
fn architecture(width: Width) -> &'static str {
    match width {
        Width::I686 => "i386",
        Width::X86_64 => "amd64",
    }
}

/// Returns the package that depends on the width's newest kernel.
fn newest(width: Width) -> &'static str {
    match width {
        Width::I686 => "linux-image-686-pae",
        Width::X86_64 => "linux-image-amd64",
    }
}

fn fetch(width: Width, folder: &Path) -> Result {
    for tool in TOOLS {
        let there = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if there.is_err() {
            return Err(format!("{tool} isn't there"));
        }
    }
    say(&format!("fetching Debian's kernel for {}", width.name()));
    let apt = Apt::new(folder, architecture(width))?;
    // The package may come from another source than one that is out of order.
    let updated = apt.update();
    let package = apt.download(newest(width), folder).map_err(|error| match updated {
        Ok(()) => error,
        Err(why) => format!("{why}\n{error}"),
    })?;
    unpack(&package, &folder.join(UNPACKED))
}

/// Returns what a person can do where fetching fails.
fn way_around(width: Width, folder: &Path) -> String {
    format!(
        "Debian's kernel for {} is fetched by {}, from the sources of a Debian system whose release has the package \
         {}.\nElsewhere put these files of the package that it depends on into {}: {IMAGE}, {}, and a text {PACKAGE} \
         with its name and version.",
        width.name(),
        TOOLS.join(", "),
        newest(width),
        folder.display(),
        MODULES.join(", "),
    )
}

/// apt for an architecture that may not be the system's. It writes only to a folder of its own.
struct Apt {
    configuration: PathBuf,
}

impl Apt {
    fn new(folder: &Path, architecture: &str) -> Result<Apt> {
        create(&folder.join("state/lists/partial"))?;
        create(&folder.join("cache/archives/partial"))?;
        let configuration = folder.join("apt.conf");
        write(&folder.join("status"), "")?;
        write(&configuration, configure(&folder.display().to_string(), architecture))?;
        Ok(Apt { configuration })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.env("LC_ALL", "C").arg("-c").arg(&self.configuration);
        command
    }

    fn update(&self) -> Result {
        let mut update = self.command("apt-get");
        update.arg("update");
        run_quietly(update)
    }

    /// Downloads the kernel's package, on which `newest` depends, into the folder.
    fn download(&self, newest: &str, folder: &Path) -> Result<PathBuf> {
        let mut depends = self.command("apt-cache");
        let output = depends.args(["depends", "--important", newest]).output();
        let output = output.map_err(|error| format!("can't run apt-cache: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let name = dependency(&text).ok_or_else(|| {
            format!("no source has the package {newest}: {}", String::from_utf8_lossy(&output.stderr).trim_end())
        })?;
        say(&format!("downloading {name}"));
        let mut download = self.command("apt-get");
        download.args(["download", name]).current_dir(folder);
        run_quietly(download)?;
        let files = folder.read_dir().map_err(|error| format!("can't list {}: {error}", folder.display()))?;
        let mut packages = files.flatten().map(|file| file.path());
        let package = packages.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
        package.ok_or_else(|| format!("apt-get downloaded no {name}"))
    }
}

/// Returns apt's configuration. As far as this apt knows, nothing is installed. It doesn't run the commands that the
/// system runs after an update. It doesn't change its user, since apt's own user may not write here.
fn configure(folder: &str, architecture: &str) -> String {
    format!(
        "APT::Architecture \"{architecture}\";\n\
         #clear APT::Architectures;\n\
         APT::Architectures {{ \"{architecture}\"; }};\n\
         Dir::State \"{folder}/state\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         APT::Sandbox::User \"root\";\n\
         #clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n"
    )
}

/// Returns the kernel's package from the output of `apt-cache depends`.
fn dependency(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.trim().strip_prefix("Depends: ").filter(|name| name.starts_with("linux-image-")))
}

/// Unpacks the kernel and [`MODULES`], under names without a version.
fn unpack(package: &Path, folder: &Path) -> Result {
    create(folder)?;
    let mut contents = command("dpkg-deb");
    contents.arg("--fsys-tarfile").arg(package).stdout(Stdio::piped());
    let mut contents = contents.spawn().map_err(|error| format!("can't run dpkg-deb: {error}"))?;
    let archive = contents.stdout.take().ok_or("what dpkg-deb writes isn't piped")?;
    let mut tar = command("tar");
    tar.args(["-x", "--wildcards", "--no-same-owner", "-C"]).arg(folder);
    tar.args(["--transform", r"s,.*/,,;s,^vmlinuz-.*,vmlinuz,;s,\.ko\..*,.ko,"]);
    tar.arg(format!("*/{IMAGE}-*")).args(MODULES.map(|name| format!("*/{name}*"))).stdin(archive);
    let unpacked = tar.output().map_err(|error| format!("can't run tar: {error}"))?;
    let packed = contents.wait().map_err(|error| format!("can't wait for dpkg-deb: {error}"))?;
    if !unpacked.status.success() || !packed.success() {
        let said = String::from_utf8_lossy(&unpacked.stderr).into_owned();
        return Err(format!("{} can't be unpacked: {said}", package.display()));
    }
    let mut field = command("dpkg-deb");
    field.args(["--show", "--showformat", "${Package} ${Version}\n"]).arg(package);
    let name = field.output().map_err(|error| format!("can't run dpkg-deb: {error}"))?;
    write(&folder.join(PACKAGE), &*String::from_utf8_lossy(&name.stdout))
}

fn remove(folder: &Path) -> Result {
    match fs::remove_dir_all(folder) {
        Err(error) if folder.exists() => Err(format!("can't remove {}: {error}", folder.display())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_is_what_the_package_depends_on() {
        let text = "linux-image-amd64\n  Depends: linux-image-6.1.0-56-amd64\n";
        assert_eq!(dependency(text), Some("linux-image-6.1.0-56-amd64"));
        assert_eq!(dependency("linux-image-amd64\n  Depends: firmware\n"), None);
        assert_eq!(dependency(""), None);
    }

    #[test]
    fn apt_writes_into_its_folder_alone() {
        let text = configure("/a/b", "i386");
        assert!(text.contains("APT::Architectures { \"i386\"; };\n"), "{text}");
        for place in ["Dir::State", "Dir::State::status", "Dir::Cache"] {
            assert!(text.contains(&format!("\n{place} \"/a/b/")), "{place} isn't in {text}");
        }
    }

    #[test]
    fn the_way_around_names_package_and_files() {
        let text = way_around(Width::I686, Path::new("/target/linux/i686"));
        for part in ["apt-get, ", "linux-image-686-pae", "/target/linux/i686: vmlinuz, uio.ko, uio_pci_generic.ko"] {
            assert!(text.contains(part), "{part} isn't in {text}");
        }
    }
}
