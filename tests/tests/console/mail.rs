//! A mail on the pages of a run: shown as a mail, with what is proven of it and what is attached. What must hold: nothing in it is obeyed or fetched, whatever it holds.

use factotum_tests::server::ADMIN;
use factotum_tests::smtp::Smtp;
use factotum_tests::{Backend, Server, Settings, wait_until};
use serde_json::{Value, json};

use crate::Chromium;

const MAIL: &str = "From: Ann Lee <ann@example.com>\r\nTo: orders@localhost\r\nSubject: Order 17\r\nDate: Tue, 5 Mar 2024 10:00:00 +0100\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain\r\n\r\nPlease send seventeen.\r\nAnn\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>Please send seventeen.</p>\r\n--c--\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=order-17.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";

const HOSTILE: &str = "From: \"<script>window.xss=1</script>\" <eve@evil.com>\r\nSubject: =?utf-8?q?<img_src=3Dx_onerror=3Dwindow.xss=3D2>=E2=80=AE=00?=\r\nX-Evil: <script>window.xss=3</script>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n</pre><script>window.xss=4</script>\x1b[2J\r\n--b\r\nContent-Type: text/html\r\n\r\n<script>window.xss=5</script><img src=\"http://127.0.0.1:9/pixel.png\"><iframe src=/></iframe>\r\n--b\r\nContent-Type: text/html; name=\"x.html\"\r\nContent-Disposition: attachment; filename=\"<script>window.xss=6<.html\"\r\n\r\n<script>window.xss=7</script>\r\n--b\r\nContent-Type: image/svg+xml\r\nContent-Disposition: attachment; filename*=utf-8''%22%20onload%3D%22window.xss%3D8%22%E2%80%AEgvs.exe\r\n\r\n<svg onload=window.xss=9>\r\n--b--\r\n";

fn deliver(server: &Server, address: &str, mail: &str) {
    let mut smtp = Smtp::greeted(server.smtp_port()).unwrap();
    assert_eq!(smtp.deliver("ann@example.com", address, mail.as_bytes()).unwrap().code, 250);
}

fn run_of(server: &Server, trigger: &Value, count: usize) -> Value {
    let id = trigger["id"].as_str().unwrap();
    let run = wait_until("the run", || {
        let runs = server.api().all(&format!("/api/v1/runs?trigger={id}"));
        (runs.len() == count).then(|| runs[0].clone())
    });
    server.api().wait_end(run["id"].as_str().unwrap())
}

#[test]
fn a_mail_is_shown_as_one_and_nothing_in_it_is_obeyed() {
    let settings = Settings::on(Backend::Sqlite).and_then(Settings::with_smtp).unwrap();
    let server = Server::launch(settings).unwrap();
    server.api().deploy("echo", &[]);
    let config = json!({"name": "orders", "authentication": "ignore"});
    let trigger = server.api().trigger("echo", "email", &config);
    let address = trigger["address"].as_str().unwrap();
    let browser = Chromium::of(&server, ADMIN);

    deliver(&server, address, MAIL);
    let run = run_of(&server, &trigger, 1);
    let id = run["id"].as_str().unwrap();
    browser.go(&format!("/runs/{id}/event"));
    for said in [
        "Ann Lee <ann@example.com>",
        "not proven",
        "Order 17",
        "Please send seventeen.",
        "order-17.pdf",
        "nothing was published, signed or asked",
    ] {
        browser.sees(said);
    }
    browser.is_fine("run-mail");

    deliver(&server, address, HOSTILE);
    let run = run_of(&server, &trigger, 2);
    let id = run["id"].as_str().unwrap();
    for path in [format!("/runs/{id}"), format!("/runs/{id}/event")] {
        browser.go(&path);
        browser.sees("eve@evil.com");
        browser.run("document.querySelectorAll('details').forEach(d => d.open = true)", &[]);
        let shown = browser.text("main");
        assert!(
            shown.contains("<script>window.xss=1</script>")
                && shown.contains("\\u{202e}")
                && shown.contains("window.xss=5"),
            "{shown}"
        );
        assert_eq!(browser.run("return typeof window.xss", &[]), json!("undefined"), "{path}");
        assert_eq!(
            browser.run("return document.querySelectorAll('main img, main iframe, main script').length", &[]),
            json!(0),
            "{path}"
        );
        assert_eq!(browser.barriers(), Vec::<String>::new(), "{path}");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{path}");
    }
    // A file is offered, whatever it says it is.
    let event = run["event"].as_str().unwrap();
    for number in 0..2 {
        let file = server.api().get(&format!("/api/v1/events/{event}/attachments/{number}"));
        assert_eq!((file.status, file.header("content-type")), (200, Some("application/octet-stream")));
        let offered = file.header("content-disposition").unwrap();
        assert!(
            offered.starts_with("attachment; filename*=UTF-8''") && !offered.contains(['<', '"']),
            "{offered}"
        );
        assert_eq!(
            (file.header("x-content-type-options"), file.header("content-security-policy")),
            (Some("nosniff"), Some("sandbox"))
        );
    }
}
