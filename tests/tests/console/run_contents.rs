//! What came from outside, on the pages of a run: scripts, odd characters, bytes that are no text, far too much of anything. What must hold: all of it is
//! shown, none of it is obeyed, and no page grows with it.

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server};
use serde_json::{Value, json};

use crate::Chromium;

const SCRIPT: &str =
    "<script>window.xss=1</script><img src=x onerror=\"window.xss=2\">\" onfocus=window.xss=3 autofocus x=\"";
/// Bidi control, terminal control, line break, null.
const ODD: &str = "a\u{202e}b\u{1b}[31mc\r\nd\u{0}e";
/// A page with what it loads may have so many bytes; script and style have 64 kB of them.
const MAX_PAGE_BYTES: usize = 100_000;

/// The page's own bytes and those of what it loads.
fn weight(visitor: &Browser, path: &str) -> usize {
    let page = visitor.get(path);
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let assets = text.split('"').filter(|part| part.starts_with("/assets/"));
    let assets: usize = assets.map(|asset| visitor.get(asset).body.len()).sum();
    page.body.len() + assets
}

#[test]
fn hostile_contents_are_shown_and_never_obeyed() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    api.deploy("talker", &[]);
    api.deploy("echo", &[]);
    let hook = api.webhook("echo", &json!({}));
    let visitor = Browser::of(&server, ADMIN);
    let browser = Chromium::of(&server, ADMIN);
    let deliver = |headers: &[(&str, &str)], body: &[u8]| {
        let delivered = server.stranger().send(
            "POST",
            &format!("{hook}?q=%3Cb%3E&x={}", "y".repeat(3_000)),
            headers,
            body,
        );
        let run = delivered.unwrap().expect(202)["run"].as_str().unwrap().to_owned();
        api.wait_end(&run);
        run
    };
    let fine = |run: &str| {
        for path in [format!("/runs/{run}"), format!("/runs/{run}/log")] {
            let bytes = weight(&visitor, &path);
            assert!(bytes < MAX_PAGE_BYTES, "{path}: {bytes} bytes");
        }
    };

    // Scripts and odd characters in log lines, fields, an error, headers, payload and output.
    let lines = json!({"lines": [{"text": SCRIPT, "level": "error", "field": SCRIPT}, {"text": ODD}], "fail": SCRIPT});
    let failed = api.run("talker", &lines)["id"].as_str().unwrap().to_owned();
    browser.go(&format!("/runs/{failed}"));
    browser.sees("failed");
    let log = browser.text("#log");
    assert!(log.contains("<script>window.xss=1</script>"), "{log}");
    assert!(log.contains("a\\u{202e}b\\u{1b}[31mc\\r\\nd"), "{log}");
    browser.is_fine("run-hostile");
    fine(&failed);
    let body = json!({SCRIPT: [SCRIPT, ODD]}).to_string();
    let run = deliver(
        &[("content-type", "application/json"), ("x-evil", SCRIPT), ("x-long", &"v".repeat(6_000))],
        body.as_bytes(),
    );
    for path in
        [format!("/runs/{run}"), format!("/runs/{run}/event"), format!("/runs/compare?a={failed}&b={run}")]
    {
        browser.go(&path);
        browser.sees("onerror");
        assert_eq!(browser.run("return typeof window.xss", &[]), json!("undefined"), "{path}");
        assert_eq!(browser.barriers(), Vec::<String>::new(), "{path}");
        assert_eq!(browser.complaints(), Vec::<String>::new(), "{path}");
    }
    fine(&run);

    // The file of the log keeps a line a line; the bytes of the event are offered as a file.
    let file = visitor.get(&format!("/runs/{failed}/log.txt"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment"), "{:?}", file.headers);
    assert_eq!(file.text().lines().count(), 2, "{}", file.text());
    assert!(!file.text().contains(['\u{1b}', '\u{202e}']), "{}", file.text());
    let output = visitor.get(&format!("/runs/{run}/output.json"));
    assert_eq!(output.json()["payload"], serde_json::from_str::<Value>(&body).unwrap());
    let event = api.run_object(&run)["event"].as_str().unwrap().to_owned();
    let raw = visitor.get(&format!("/api/v1/events/{event}/raw"));
    assert_eq!(raw.text(), body);

    // Bytes that are no text.
    let run = deliver(&[("content-type", "application/octet-stream")], &[0xff, 0xfe, 0x00, b'h', b'i']);
    browser.go(&format!("/runs/{run}"));
    browser.sees("These bytes are no UTF-8 text");
    browser.sees("ff fe 00 68 69");
    fine(&run);
    // Nested far too deep; so wide that the tree is cut; five megabytes.
    let run = deliver(
        &[("content-type", "application/json")],
        format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)).as_bytes(),
    );
    browser.go(&format!("/runs/{run}"));
    browser.sees("nested too deep to be shown as a tree");
    fine(&run);
    let wide = json!({"items": (0..20_000).collect::<Vec<_>>(), "deep": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]})
        .to_string();
    let run = deliver(&[("content-type", "application/json")], wide.as_bytes());
    browser.go(&format!("/runs/{run}"));
    browser.sees(" more");
    let folded = "return document.body.textContent.includes('nested deeper than is shown here')";
    assert_eq!(browser.run(folded, &[]), json!(true));
    browser.press("Show more");
    browser.sees("Not everything is shown here");
    browser.is_fine("run-event");
    fine(&run);
    let large = json!({"text": "x".repeat(5 << 20)}).to_string();
    let answer = server
        .stranger()
        .send("POST", &hook, &[("content-type", "application/json")], large.as_bytes())
        .unwrap();
    let run = match answer.status {
        202 => answer.json()["run"].as_str().unwrap().to_owned(),
        // Larger than a webhook takes: by the API then.
        413 => api.begin("echo", &json!({"text": "x".repeat(900 << 10)}))["id"].as_str().unwrap().to_owned(),
        other => panic!("{other}: {}", answer.text()),
    };
    api.wait_end(&run);
    browser.go(&format!("/runs/{run}"));
    browser.sees("in all");
    fine(&run);

    // A long log: the last lines on the run's page, all of it page by page, by a press.
    let many: Vec<_> = (0..450).map(|n| json!({"text": format!("line number {n} of many")})).collect();
    let run = api.run("talker", &json!({"lines": many}))["id"].as_str().unwrap().to_owned();
    browser.go(&format!("/runs/{run}"));
    browser.sees("350 earlier lines are not shown");
    browser.sees("line number 449 of many");
    browser.press("Show from the first");
    browser.sees("line number 199 of many");
    assert_eq!(browser.count("#log .line.info"), 200);
    browser.press("More lines");
    browser.sees("line number 399 of many");
    browser.press("More lines");
    browser.sees("line number 449 of many");
    assert_eq!(browser.count("#log .line.info"), 450);
    assert_eq!(browser.run("return typeof window.xss", &[]), json!("undefined"));
}
