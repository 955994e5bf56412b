//! A client of QEMU's machine protocol: one JSON object a line, a reply a command, events in between.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::console::DEADLINE;

/// The connection to one machine.
pub struct Qmp {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    /// Why the machine stopped, once it said so.
    shutdown: Option<String>,
}

impl Qmp {
    /// Takes over the connection: QEMU greets, the client chooses its capabilities.
    pub fn new(stream: UnixStream) -> Result<Qmp> {
        stream.set_read_timeout(Some(DEADLINE))?;
        let reader = BufReader::new(stream.try_clone()?);
        let mut qmp = Qmp { stream, reader, shutdown: None };
        let greeting = qmp.read()?;
        if greeting.get("QMP").is_none() {
            return Err(Error::new(ErrorKind::InvalidData, format!("QEMU greeted with {greeting}")));
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and returns its result.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let request = json!({ "execute": command, "arguments": arguments });
        self.stream.write_all(format!("{request}\n").as_bytes())?;
        loop {
            let mut reply = self.read()?;
            if let Some(result) = reply.get_mut("return") {
                return Ok(result.take());
            }
            if let Some(error) = reply.get("error") {
                return Err(Error::other(format!("{command}: {error}")));
            }
            self.notice(&reply);
        }
    }

    /// Reads events until QEMU ends, and returns the reason that it gave for the machine's shutdown.
    pub fn read_to_end(&mut self) -> Result<Option<String>> {
        loop {
            match self.read() {
                Ok(event) => self.notice(&event),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Err(error),
                Err(_) => return Ok(self.shutdown.clone()),
            }
        }
    }

    fn notice(&mut self, event: &Value) {
        if event["event"] == "SHUTDOWN" {
            self.shutdown = event["data"]["reason"].as_str().map(str::to_owned);
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_str(&line).map_err(Error::from)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Plays QEMU: sends the lines, then takes one line for each `None`.
    fn machine(script: &'static [Option<&'static str>]) -> UnixStream {
        let (mut qemu, client) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut requests = BufReader::new(qemu.try_clone().unwrap());
            for step in script {
                match step {
                    Some(line) => writeln!(qemu, "{line}").unwrap(),
                    None => {
                        let mut request = String::new();
                        requests.read_line(&mut request).unwrap();
                    }
                }
            }
        });
        client
    }

    const GREETING: Option<&str> = Some(r#"{"QMP": {"version": {}}}"#);
    const DONE: Option<&str> = Some(r#"{"return": {}}"#);

    #[test]
    fn an_event_before_the_reply_is_kept() {
        let reset = Some(r#"{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-reset"}}"#);
        let script = Box::leak(Box::new([GREETING, None, DONE, None, reset, DONE]));
        let mut qmp = Qmp::new(machine(script)).unwrap();
        qmp.execute("inject-nmi", json!({})).unwrap();
        assert_eq!(qmp.read_to_end().unwrap().as_deref(), Some("guest-reset"));
    }

    #[test]
    fn an_error_names_its_command() {
        let refusal = Some(r#"{"error": {"class": "GenericError", "desc": "no"}}"#);
        let script = Box::leak(Box::new([GREETING, None, DONE, None, refusal]));
        let mut qmp = Qmp::new(machine(script)).unwrap();
        let error = qmp.execute("send-key", json!({})).unwrap_err();
        assert!(error.to_string().starts_with("send-key: "), "{error}");
    }
}
