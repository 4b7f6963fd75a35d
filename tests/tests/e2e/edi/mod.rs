//! EDI over HTTP: partners, what is taken of an interchange, how it is acknowledged, what comes twice, the quarantine.

mod partners;
mod quarantine;
mod receive;
mod twice;

use std::fmt::Write as _;

use factotum_tests::{Answer, Api, Backend, Server, wait_until};
use serde_json::{Value, json};

use crate::ledger::text;

/// A server with the workflow `echo` and the partner `acme`, changed by these fields.
fn server(backend: Backend, fields: &Value) -> Server {
    let server = Server::start(backend);
    server.api().deploy("echo", &[]);
    partner(server.api(), fields);
    server
}

/// The partner `acme`, changed by these fields.
fn partner(api: &Api, fields: &Value) -> Value {
    let mut acme = json!({"name": "acme", "x12": ["ZZ:ACME"], "edifact": ["4012345000009:14"],
        "ours": {"x12": "ZZ:ME", "edifact": "4098765000004:14"}, "ack": "997"});
    for (name, value) in fields.as_object().into_iter().flatten() {
        acme[name] = value.clone();
    }
    api.post("/api/v1/edi/partners", &acme).expect(201)
}

/// A trigger of `echo`: its id, and the path of its URL.
fn inbox(api: &Api, config: &Value) -> (String, String) {
    let trigger = api.trigger("echo", "edi", config);
    let url = text(&trigger["url"]);
    (text(&trigger["id"]), url[url.find("/edi/").unwrap()..].to_owned())
}

fn send(server: &Server, path: &str, bytes: impl AsRef<[u8]>) -> Answer {
    server.stranger().post_bytes(path, "application/edi-x12", bytes.as_ref())
}

/// What of an X12 interchange differs from test to test.
#[derive(Clone, Copy)]
struct X12<'a> {
    sender: &'a str,
    control: u32,
    /// The sets by type, control number, and how many segments they say they have beside those they have.
    sets: &'a [(&'a str, &'a str, i32)],
    test: bool,
    /// ISA14.
    ta1: bool,
    order: &'a str,
}

impl Default for X12<'_> {
    fn default() -> Self {
        Self {
            sender: "ACME",
            control: 1,
            sets: &[("850", "0001", 0)],
            test: false,
            ta1: false,
            order: "PO-1",
        }
    }
}

impl X12<'_> {
    fn write(&self) -> String {
        let (sender, control) = (self.sender, self.control);
        let (asks, usage) = (u8::from(self.ta1), if self.test { 'T' } else { 'P' });
        let mut all = format!(
            "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*ME             *261123*1200*U*00401*{control:09}*{asks}*{usage}*>~\n\
             GS*PO*{sender}*ME*20261123*1200*{control}*X*004010~\n"
        );
        for (id, number, wrong) in self.sets {
            let count = 5 + wrong;
            write!(
                all,
                "ST*{id}*{number}~\nBEG*00*NE*{}**20261123~\nPO1*1*10*EA*9.95**VP*ABC~\nCTT*1~\nSE*{count}*{number}~\n",
                self.order
            )
            .unwrap();
        }
        write!(all, "GE*{}*{control}~\nIEA*1*{control:09}~\n", self.sets.len()).unwrap();
        all
    }
}

/// An X12 interchange with an order.
pub fn order(sender: &str, control: u32) -> String {
    X12 { sender, control, ..X12::default() }.write()
}

/// An EDIFACT interchange with an order.
fn edifact(control: &str, message: &str) -> String {
    format!(
        "UNA:+.? 'UNB+UNOC:3+4012345000009:14+4098765000004:14+261123:1200+{control}'\
         UNH+1+{message}:D:96A:UN'BGM+220+PO-1+9'DTM+137:20261123:102'LIN+1++ABC:VP'QTY+21:10'UNS+S'UNT+7+1'UNZ+1+{control}'"
    )
}

/// The runs of a trigger.
fn runs(api: &Api, trigger: &str) -> Vec<Value> {
    api.all(&format!("/api/v1/runs?trigger={trigger}"))
}

/// The interchanges, newest first.
fn interchanges(api: &Api, query: &str) -> Vec<Value> {
    api.all(&format!("/api/v1/edi/interchanges?{query}"))
}

/// What the trigger took, refused and knew, once that is written down.
fn counts(api: &Api, trigger: &str, expected: &Value) {
    wait_until(&format!("the counts {expected}"), || {
        (api.get(&format!("/api/v1/triggers/{trigger}")).expect(200)["counts"] == *expected).then_some(())
    });
}
