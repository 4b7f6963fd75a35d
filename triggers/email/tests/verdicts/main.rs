//! SPF, DKIM and DMARC against a real name server, with real signatures. What must hold: what is proven is proven for the right domain; a name server that does not
//! answer costs two seconds, once; nobody is authenticated by a header that they wrote themselves.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod signed;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use factotum_email::verdict::{Checker, Dns};
use factotum_model::email::{Verdict, Verdicts};
use factotum_tests::NameServer;

use signed::{Keys, MAIL};

const PEER: &str = "203.0.113.7";

struct World {
    dns: NameServer,
    checker: Checker,
    keys: Keys,
}

impl World {
    fn new() -> Self {
        let dns = NameServer::start().unwrap();
        let checker = Checker::new(&Dns::At(dns.address()), "mx.example.org").unwrap();
        let keys = Keys::made();
        dns.txt("rsa._domainkey.example.com", &Keys::rsa_record())
            .txt("ed._domainkey.example.com", &keys.ed_record())
            .txt("ed._domainkey.evil.com", &keys.ed_record())
            .txt("ed._domainkey.mail.example.com", &keys.ed_record());
        Self { dns, checker, keys }
    }

    async fn check(&self, mail_from: &str, raw: &str) -> Verdicts {
        self.check_from(PEER, mail_from, raw).await
    }

    async fn check_from(&self, peer: &str, mail_from: &str, raw: &str) -> Verdicts {
        let peer: IpAddr = peer.parse().unwrap();
        self.checker.check(peer, "client.example.com", mail_from, raw.as_bytes()).await
    }
}

#[tokio::test]
async fn a_signature_of_either_kind_proves_its_domain() {
    let world = World::new();
    for signed in [Keys::by_rsa("example.com", MAIL), world.keys.by_ed("example.com", "ed", MAIL)] {
        let verdicts = world.check("ann@example.com", &signed).await;
        assert_eq!(
            (verdicts.dkim, verdicts.dkim_domains.as_slice()),
            (Verdict::Pass, ["example.com".to_owned()].as_slice())
        );
        assert_eq!((verdicts.spf, verdicts.dmarc), (Verdict::None, Verdict::None), "nothing is published");
        assert_eq!(verdicts.authenticated_domain.as_deref(), Some("example.com"));
        let changed = signed.replace("Hello", "Hallo");
        let verdicts = world.check("ann@example.com", &changed).await;
        assert_eq!((verdicts.dkim, verdicts.authenticated_domain), (Verdict::Fail, None));
        let other = signed.replacen("Subject: Order", "Subject: Other", 1);
        assert_eq!(world.check("ann@example.com", &other).await.dkim, Verdict::Fail);
    }
    let verdicts = world.check("ann@example.com", MAIL).await;
    assert_eq!((verdicts.dkim, verdicts.authenticated_domain), (Verdict::None, None));
}

#[tokio::test]
async fn a_forged_sender_is_proven_by_nobody_elses_signature() {
    let world = World::new();
    world.dns.txt("_dmarc.example.com", "v=DMARC1; p=reject").txt("evil.com", "v=spf1 ip4:203.0.113.7 -all");
    // Signed by evil.com and sent from its address, and both are right about evil.com.
    let verdicts = world.check("eve@evil.com", &world.keys.by_ed("evil.com", "ed", MAIL)).await;
    assert_eq!((verdicts.spf, verdicts.dkim, verdicts.dmarc), (Verdict::Pass, Verdict::Pass, Verdict::Fail));
    assert_eq!(verdicts.authenticated_domain, None);
    assert_eq!(verdicts.dmarc_policy.as_deref(), Some("reject"));
    // A second sender before a mail that is signed well.
    let signed = world.keys.by_ed("example.com", "ed", MAIL);
    for doubled in [format!("From: boss@example.com\r\n{signed}"), format!("from : eve@evil.com\r\n{signed}")]
    {
        assert_eq!(world.check("eve@evil.com", &doubled).await.authenticated_domain, None, "{doubled}");
    }
}

#[tokio::test]
async fn dmarc_aligns_as_its_record_says() {
    let world = World::new();
    world.dns.txt("_dmarc.example.com", "v=DMARC1; p=quarantine");
    // The signature of a name below: relaxed alignment takes it, and only because the domain publishes DMARC.
    let signed = world.keys.by_ed("mail.example.com", "ed", MAIL);
    let verdicts = world.check("bounce@elsewhere.net", &signed).await;
    assert_eq!((verdicts.dkim, verdicts.dmarc), (Verdict::Pass, Verdict::Pass));
    assert_eq!(verdicts.authenticated_domain.as_deref(), Some("example.com"));
    assert_eq!(verdicts.dmarc_policy.as_deref(), Some("quarantine"));
    let strict = World::new();
    strict.dns.txt("_dmarc.example.com", "v=DMARC1; p=reject; adkim=s; aspf=s");
    let verdicts =
        strict.check("bounce@elsewhere.net", &strict.keys.by_ed("mail.example.com", "ed", MAIL)).await;
    assert_eq!((verdicts.dmarc, verdicts.authenticated_domain), (Verdict::Fail, None));
}

#[tokio::test]
async fn spf_says_who_may_send() {
    let world = World::new();
    world
        .dns
        .txt("example.com", "v=spf1 ip4:203.0.113.7 -all")
        .txt("soft.example.com", "v=spf1 ~all")
        .txt("broken.example.com", "v=spf1 ip4:nonsense -all")
        .txt("client.example.com", "v=spf1 a -all")
        .a("client.example.com", PEER.parse().unwrap());
    let verdicts = world.check("ann@example.com", MAIL).await;
    assert_eq!((verdicts.spf, verdicts.spf_domain.as_deref()), (Verdict::Pass, Some("example.com")));
    assert_eq!(
        verdicts.authenticated_domain.as_deref(),
        Some("example.com"),
        "SPF proves the domain in From"
    );
    let spf = async |peer: &str, from: &str| world.check_from(peer, from, MAIL).await.spf;
    assert_eq!(spf("203.0.113.8", "ann@example.com").await, Verdict::Fail);
    assert_eq!(spf(PEER, "ann@soft.example.com").await, Verdict::SoftFail);
    assert_eq!(spf(PEER, "ann@broken.example.com").await, Verdict::PermError);
    assert_eq!(spf(PEER, "ann@unknown.example").await, Verdict::None);
    assert_eq!(spf(PEER, "").await, Verdict::Pass, "the null sender is its client's");
    assert_eq!(spf("::ffff:203.0.113.7", "ann@example.com").await, Verdict::Pass);
    for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(spf(loopback, "ann@example.com").await, Verdict::None, "{loopback} needs no SPF");
    }
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_costs_two_seconds_once() {
    let world = World::new();
    world.dns.silence("example.com");
    let signed = world.keys.by_ed("example.com", "ed", MAIL);
    let began = Instant::now();
    let verdicts = world.check("ann@example.com", &signed).await;
    let took = began.elapsed();
    assert_eq!(
        (verdicts.spf, verdicts.dkim, verdicts.dmarc),
        (Verdict::TempError, Verdict::TempError, Verdict::TempError)
    );
    assert_eq!(verdicts.authenticated_domain, None);
    // Two seconds, and as long again for a machine that has other things to do.
    assert!(took < Duration::from_secs(4), "{took:?}");
    let asked = world.dns.asked().len();
    assert_eq!(world.check("ann@example.com", &signed).await, verdicts);
    assert_eq!(world.dns.asked().len(), asked, "it is not asked again");
}

#[tokio::test]
async fn one_key_that_cannot_be_had_takes_nothing_from_the_next() {
    let world = World::new();
    world.dns.silence("slow.example");
    let twice = world.keys.by_ed("slow.example", "ed", &world.keys.by_ed("example.com", "ed", MAIL));
    let verdicts = world.check_from("127.0.0.1", "ann@example.com", &twice).await;
    assert_eq!((verdicts.dkim, verdicts.dkim_domains), (Verdict::Pass, vec!["example.com".to_owned()]));
}

#[tokio::test]
async fn a_flood_of_signatures_is_not_looked_up() {
    let world = World::new();
    let mut mail = MAIL.to_owned();
    for n in 0..40 {
        mail = world.keys.by_ed(&format!("s{n}.example"), "ed", &mail);
    }
    let verdicts = world.check_from("127.0.0.1", "ann@example.com", &mail).await;
    assert_eq!(verdicts.dkim, Verdict::PermError, "no such keys");
    let keys = world.dns.asked().iter().filter(|name| name.contains("_domainkey")).count();
    assert!(keys <= 8, "{keys} keys were asked for");
}

#[tokio::test]
async fn where_nothing_listens_nothing_is_proven() {
    let gone = NameServer::start().unwrap().address();
    let checker = Checker::new(&Dns::At(gone), "mx.example.org").unwrap();
    let verdicts =
        checker.check(PEER.parse().unwrap(), "c.example.com", "ann@example.com", MAIL.as_bytes()).await;
    assert_eq!(
        (verdicts.spf, verdicts.dkim, verdicts.dmarc),
        (Verdict::TempError, Verdict::None, Verdict::TempError)
    );
    assert_eq!(verdicts.authenticated_domain, None);
    for raw in ["", "\r\n", "no header", "From: \r\n\r\n", "From: x\r\n\r\n"] {
        let verdicts = checker.check(PEER.parse().unwrap(), "", "", raw.as_bytes()).await;
        assert_eq!(verdicts.authenticated_domain, None, "{raw:?}");
    }
}
