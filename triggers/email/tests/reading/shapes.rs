//! What a mail's parts become, shape by shape. What must hold: text is text, a file is a file with a name that is safe, and nothing is left out unseen.

use factotum_email::message;
use factotum_model::email::Email;

fn read(raw: &str) -> Email {
    message::read(raw.replace('\n', "\r\n").as_bytes())
}

fn files(email: &Email) -> Vec<(&str, &str, u64)> {
    email.attachments.iter().map(|f| (f.name.as_str(), f.media_type.as_str(), f.size)).collect()
}

#[test]
fn an_invoice() {
    let email = read(
        "From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>\nTo: Invoices <inv+x@example.org>, b@example.org\nSubject: =?utf-8?B?UmVjaG51bmcg?=\n =?utf-8?B?TcOkcno=?=\nDate: Tue, 5 Mar 2024 10:00:00 +0100\nMessage-ID: <1@example.com>\nIn-Reply-To: <0@example.org>\nReferences: <a@b> <0@example.org>\nContent-Type: multipart/mixed; boundary=\"outer\"\n\npreamble\n--outer\nContent-Type: multipart/alternative; boundary=\"outer-inner\"\n\n--outer-inner\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nGr=FC=DFe\n--outer-inner\nContent-Type: text/html\n\n<p>Hi</p>\n--outer-inner--\n--outer\nContent-Type: application/pdf\nContent-Disposition: attachment; filename*=utf-8''Rechnung%20M%C3%A4rz.pdf\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n--outer--\nepilogue\n",
    );
    assert_eq!(email.problem, None);
    assert_eq!((email.from.as_str(), email.from_name.as_deref()), ("j@example.com", Some("Jürgen")));
    assert_eq!(email.to, ["inv+x@example.org", "b@example.org"]);
    assert_eq!(email.subject, "Rechnung März");
    assert_eq!(email.date.as_deref(), Some("2024-03-05T09:00:00.000000Z"));
    assert_eq!(
        (email.message_id.as_deref(), email.in_reply_to.as_deref()),
        (Some("<1@example.com>"), Some("<0@example.org>"))
    );
    assert_eq!(email.references, ["<a@b>", "<0@example.org>"]);
    assert_eq!(email.text.as_deref(), Some("Grüße"));
    assert_eq!(email.html.as_deref(), Some("<p>Hi</p>"));
    assert_eq!(files(&email), [("Rechnung März.pdf", "application/pdf", 5)]);
    assert_eq!(email.automatic, None);
}

#[test]
fn a_mail_within_the_mail_is_a_file_and_so_are_its_files() {
    let email = read(
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nsee below\n--a\nContent-Type: message/rfc822\n\nSubject: The first/one\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ninner text\n--b\nContent-Type: image/png; name=x.png\n\nPNG\n--b--\n--a--\n",
    );
    assert_eq!(email.text.as_deref(), Some("see below"));
    let names: Vec<_> = email.attachments.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["one.eml", "x.png"]);
    assert_eq!(email.attachments[1].size, 3);
    assert_eq!(email.problem, None);
}

#[test]
fn a_foot_that_a_list_adds_belongs_to_the_text() {
    let email = read(
        "Precedence: list\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nHello\n--a\nContent-Type: text/plain\n\n-- \nThe list\n--a--\n",
    );
    assert_eq!(email.text.as_deref(), Some("Hello\n-- \nThe list"));
    assert_eq!(email.automatic.as_deref(), Some("precedence"));
    assert!(email.attachments.is_empty());
}

#[test]
fn an_image_of_the_html_is_inline() {
    let email = read(
        "Content-Type: multipart/related; boundary=a\n\n--a\nContent-Type: text/html\n\n<img src=cid:1>\n--a\nContent-Type: image/png\nContent-ID: <1>\n\nPNG\n--a--\n",
    );
    let file = &email.attachments[0];
    assert_eq!(
        (file.inline, file.content_id.as_deref(), file.name.as_str()),
        (true, Some("1"), "attachment-1.png")
    );
}

#[test]
fn what_is_broken_is_read_as_far_as_it_goes_and_that_is_said() {
    for (raw, text, problem) in [
        ("", "", None),
        (
            "no header at all\nsecond line\n",
            "no header at all\nsecond line\n",
            Some("does not end with an empty line"),
        ),
        (
            "Subject: x\nbody without an empty line\n",
            "body without an empty line\n",
            Some("does not end with an empty line"),
        ),
        ("Content-Type: multipart/mixed\n\n--a\nhello\n", "--a\nhello\n", Some("not what separates them")),
        ("Content-Type: multipart/mixed; boundary=b\n\n--a\nhello\n", "--a\nhello\n", Some("does not occur")),
        ("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n", "hello\n", Some("has no end")),
        ("Content-Transfer-Encoding: x-rot13\n\nuryyb\n", "uryyb\n", Some("is not known")),
    ] {
        let email = read(raw);
        assert_eq!(email.text.as_deref().unwrap_or_default(), text, "{raw:?}");
        assert_eq!(
            email.problem.as_deref().map(|p| problem.is_some_and(|known| p.contains(known))),
            problem.map(|_| true),
            "{raw:?}: {:?}",
            email.problem
        );
    }
}

#[test]
fn a_machines_mail_is_known() {
    for (header, reason) in [
        ("Auto-Submitted: no", None),
        ("Auto-Submitted: NO (a person)", None),
        ("Auto-Submitted: auto-replied; owner-email=x", Some("auto_submitted")),
        ("auto-submitted:AUTO-GENERATED", Some("auto_submitted")),
        ("Precedence: BULK", Some("precedence")),
        ("Precedence: junk", Some("precedence")),
        ("Precedence: first-class", None),
        ("X-Precedence: bulk", None),
        ("Subject: Auto-Submitted: auto-replied", None),
    ] {
        assert_eq!(read(&format!("{header}\n\nhi\n")).automatic.as_deref(), reason, "{header}");
    }
    let received = |n| read(&format!("{}\nhi\n", "Received: from a\n".repeat(n))).automatic;
    assert_eq!((received(50), received(51).as_deref()), (None, Some("received_loop")));
    let null = read("Subject: x\n\nhi\n").with_envelope("", "orders@example.org");
    assert_eq!(null.automatic.as_deref(), Some("null_sender"));
}

#[test]
fn no_header_can_be_made_into_two() {
    let email = read(
        "From: =?utf-8?q?a=0D=0ABcc:_eve=40example.com?= <a@b>\nSubject: =?utf-8?q?x=0D=0ABcc:_eve=40example.com=00?=\n\nhi\n",
    );
    assert_eq!(email.subject, "x  Bcc: eve@example.com");
    assert_eq!(email.from_name.as_deref(), Some("a  Bcc: eve@example.com"));
    assert_eq!(email.from, "a@b");
}

#[test]
fn an_encoded_comma_makes_no_other_recipient() {
    let email = read("To: =?utf-8?q?a=2C_eve=40example=2Ecom=2C?= <ann@example.com>\n\nhi\n");
    assert_eq!(email.to, ["ann@example.com"]);
}

#[test]
fn a_character_that_two_words_share_is_read() {
    let email = read("Subject: =?utf-8?B?w6TD?= =?utf-8?B?vA==?=\n\nhi\n");
    assert!(!email.subject.is_empty());
}

#[test]
fn a_boundary_is_a_whole_line() {
    let email =
        read("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bc\ntwo\n--b  \n\nthree\n--b--\n");
    assert_eq!(email.text.as_deref(), Some("one\n--bc\ntwo\nthree"));
}
