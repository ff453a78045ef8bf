//! A shell with five words: enough to see that input, environment and exit
//! code arrive.

use std::collections::BTreeMap;

/// A shell in a container.
#[derive(Debug)]
pub(super) struct Shell {
    hostname: String,
    env: BTreeMap<String, String>,
    /// A terminal shows what is typed, and a prompt.
    tty: bool,
    /// Input that is no whole line yet.
    line: Vec<u8>,
    printed: Vec<u8>,
    /// Code of the last command.
    last: i32,
    /// `cat` runs: what comes is given back.
    copies: bool,
}

impl Shell {
    pub(super) fn new(hostname: &str, env: BTreeMap<String, String>, tty: bool) -> Self {
        Shell {
            hostname: hostname.to_owned(),
            env,
            tty,
            line: Vec::new(),
            printed: Vec::new(),
            last: 0,
            copies: false,
        }
    }

    /// What was printed since this was last asked.
    pub(super) fn printed(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.printed)
    }

    /// Starts the command of the container: `sh -c <script>`, another command,
    /// or, without any, a shell that reads. Gives the exit code when it ends.
    pub(super) fn start(&mut self, args: &[String]) -> Option<i32> {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] | ["sh" | "/bin/sh" | "bash" | "/bin/bash"] => {
                self.prompt();
                None
            }
            ["sh" | "/bin/sh" | "bash" | "/bin/bash", "-c", script] => Some(self.script(script)),
            ["cat"] => {
                self.copies = true;
                None
            }
            words => {
                let exit = self.command(words);
                Some(exit.unwrap_or(self.last))
            }
        }
    }

    /// Takes input; gives the exit code when it ends the shell.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<i32> {
        if self.copies || self.tty {
            self.printed.extend_from_slice(bytes);
        }
        if self.copies {
            return None;
        }
        for byte in bytes {
            if !matches!(byte, b'\n' | b'\r') {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            if let Some(code) = self.run(&String::from_utf8_lossy(&line)) {
                return Some(code);
            }
            self.prompt();
        }
        None
    }

    /// The input has ended, and so does the shell.
    pub(super) fn end_of_input(&mut self) -> i32 {
        let line = std::mem::take(&mut self.line);
        self.script(&String::from_utf8_lossy(&line))
    }

    /// Runs commands and gives the code of the last one, or of `exit`.
    fn script(&mut self, script: &str) -> i32 {
        let code = self.run(script);
        code.unwrap_or(self.last)
    }

    /// Runs commands separated by semicolons or lines.
    fn run(&mut self, text: &str) -> Option<i32> {
        for command in text.split([';', '\n']) {
            let command = self.expand(command);
            let words: Vec<&str> = command.split_whitespace().collect();
            if let Some(code) = self.command(&words) {
                return Some(code);
            }
        }
        None
    }

    fn command(&mut self, words: &[&str]) -> Option<i32> {
        self.last = 0;
        match words {
            [] | ["true"] => {}
            ["false"] => self.last = 1,
            ["exit"] => return Some(0),
            ["exit", code, ..] => return Some(code.parse().unwrap_or(2)),
            ["echo", rest @ ..] => self.print(&rest.join(" ")),
            ["hostname"] => self.print(&self.hostname.clone()),
            ["env"] => {
                let all: Vec<_> = self.env.iter().map(|(k, v)| format!("{k}={v}")).collect();
                self.print(&all.join("\n"));
            }
            [unknown, ..] => {
                self.print(&format!("sh: {unknown}: not found"));
                self.last = 127;
            }
        }
        None
    }

    /// `$NAME` as its value, and without quotes.
    fn expand(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            expanded.push_str(self.env.get(name).map_or("", String::as_str));
            expanded.push_str(rest);
        }
        expanded.replace(['"', '\''], "")
    }

    fn print(&mut self, line: &str) {
        self.printed.extend_from_slice(line.as_bytes());
        // A terminal needs the carriage to return.
        self.printed
            .extend_from_slice(if self.tty { b"\r\n" } else { b"\n" });
    }

    fn prompt(&mut self) {
        if self.tty {
            self.printed.extend_from_slice(b"/ # ");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        Shell::new("cp-1", [("NAME".into(), "lab".into())].into(), false)
    }

    #[test]
    fn scripts_end_with_their_code() {
        let mut s = shell();
        let args = ["sh", "-c", "echo \"hi $NAME\"; exit 3"].map(str::to_owned);
        assert_eq!(s.start(&args), Some(3));
        assert_eq!(s.printed(), b"hi lab\n");
        assert_eq!(s.start(&["nothing".to_owned()]), Some(127));
    }

    #[test]
    fn lines_may_come_in_pieces() {
        let mut s = shell();
        assert_eq!(s.start(&[]), None);
        assert_eq!(s.read(b"ho"), None);
        assert_eq!(s.read(b"stname\nfal"), None);
        assert_eq!(s.printed(), b"cp-1\n");
        assert_eq!(s.read(b"se"), None);
        assert_eq!(s.end_of_input(), 1);
    }
}
