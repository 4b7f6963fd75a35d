//! Trading partners, an EDI address, what came in, and the quarantine.

use factotum_tests::{Answer, Backend, Server};

use crate::Chromium;
use crate::flows::ADMIN;

/// An order of a sender that counts its segments so.
fn order(sender: &str, control: u32, count: u32) -> String {
    format!(
        "ISA*00*          *00*          *ZZ*{sender:<15}*ZZ*ME             *261123*1200*U*00401*{control:09}*0*P*>~\n\
         GS*PO*{sender}*ME*20261123*1200*{control}*X*004010~\nST*850*0001~\nBEG*00*NE*PO-4711**20261123~\nPO1*1*10*EA*9.95**VP*ABC~\n\
         CTT*1~\nSE*5*0001~\nST*850*0002~\nBEG*00*NE*<script>alert(1)</script>**20261123~\nPO1*1*3*EA*19.95**VP*DEF~\nCTT*1~\nSE*{count}*0002~\n\
         GE*2*{control}~\nIEA*1*{control:09}~\n"
    )
}

fn send(server: &Server, path: &str, order: &str) -> Answer {
    server.stranger().post_bytes(path, "application/edi-x12", order.as_bytes())
}

#[test]
fn a_partner_is_made_and_what_it_sends_is_looked_at() {
    let server = Server::start(Backend::Sqlite);
    server.api().deploy("echo", &[]);
    let browser = Chromium::of(&server, ADMIN);
    browser.go("/partners");
    browser.sees("There are no trading partners");
    browser.is_fine("partners-none");
    browser.press("New partner");
    browser.fill("[name=name]", "acme");
    browser.fill("[name=x12]", "ACME");
    browser.fill("[name='ours.x12']", "ZZ:ME");
    browser.press("Make the partner");
    browser.sees("a qualifier of two characters");
    assert_eq!(browser.value("[name='ours.x12']"), "ZZ:ME", "what was typed stays");
    browser.is_fine("partner-refused");
    browser.fill("[name=x12]", "ZZ:ACME\n01:123456789");
    browser.fill("[name=sets]", "850\n860");
    browser.press("Make the partner");
    browser.is_at("/partners/acme");
    browser.sees("ZZ:ACME, 01:123456789");
    browser.is_fine("partner");

    browser.go("/new/trigger?kind=edi");
    browser.fill("[name=workflow]", "echo");
    browser.fill("[name=partner]", "nobody");
    browser.press("Make the address");
    browser.sees("there is no trading partner");
    browser.fill("[name=partner]", "*");
    browser.fill("[name=sets]", "850");
    browser.press("Make the address");
    browser.wait("the address", || browser.path().starts_with("/triggers/trg_").then_some(()));
    let url = browser.text("#url");
    browser.is_fine("edi-address");
    let path = &url[url.find("/edi/").unwrap()..];

    assert_eq!(send(&server, path, &order("ACME", 1, 5)).status, 200);
    assert_eq!(send(&server, path, &order("ACME", 1, 5)).status, 200);
    assert!(send(&server, path, &order("ACME", 2, 7)).text().contains("AK9*P"));
    assert_eq!(send(&server, path, &order("BETA", 3, 5)).status, 202);
    browser.go("/interchanges");
    for state in ["accepted", "duplicate", "partial", "quarantined"] {
        browser.sees(state);
    }
    browser.is_fine("interchanges");
    browser.go("/interchanges?state=partial");
    browser.press("000000002");
    browser.sees("AK502 4");
    browser.sees("What is wrong");
    browser.sees("Acknowledgement");
    browser.is_fine("interchange");
    browser.go("/interchanges?state=quarantined");
    browser.press("000000003");
    browser.sees("no trading partner sends interchanges as ZZ:BETA");
    browser.is_fine("quarantine");
    browser.press("Let it out");
    browser.sees("it stays in quarantine");
    let kept = browser.path();
    browser.go("/new/partner");
    browser.fill("[name=name]", "beta");
    browser.fill("[name=x12]", "ZZ:BETA");
    browser.press("Make the partner");
    browser.is_at("/partners/beta");
    browser.go(kept.trim_end_matches("/release"));
    browser.press("Let it out");
    browser.sees("Left the quarantine");
    browser.sees("AK9*A*2*2*2");

    browser.go("/partners/acme/edit");
    browser.choose("[name=ack]", "none");
    browser.press("Save");
    browser.is_at("/partners/acme");
    browser.sees("nothing");
    browser.press("Delete");
    browser.click("form[action$=delete] button");
    browser.is_at("/partners");
    browser.sees("beta");
    browser.is_fine("partners");
}
