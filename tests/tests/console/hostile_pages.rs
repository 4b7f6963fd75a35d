//! What other people's pages try in a browser that is logged in, and what a text that got into a page would. What must hold: no form of theirs changes
//! anything, no frame of theirs shows a page, and no script runs but the console's own.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Server};
use serde_json::{Value, json};

use crate::Chromium;

/// Another site on this machine that shows this to whoever comes: its port. It ends with the test.
fn site(html: &str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{html}",
        html.len()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4_096];
            // Whoever hangs up is not waited for.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn a_foreign_page_changes_nothing_and_frames_nothing_and_no_foreign_script_runs() {
    let server = Server::start(Backend::Sqlite);
    let base = server.base();
    let form = format!(
        "<form id=f method=post action='{base}/settings/roles'><input name=name value=Owned><input name=grants value='*:*'></form>\
         <form id=g method=post enctype='text/plain' action='{base}/settings/roles'><input name=name value=Owned></form>\
         <iframe src='{base}/settings/members'></iframe>"
    );
    let port = site(&form);
    let browser = Chromium::of(&server, ADMIN);
    let owned = || server.api().all("/api/v1/roles").iter().any(|role| role["name"] == "Owned");
    // From another site the browser sends no cookie; from another port of this one it does, and the server looks where the form stood.
    for host in ["localhost", "127.0.0.1"] {
        for form in ["f", "g"] {
            browser.open(&format!("http://{host}:{port}/"));
            browser.run("document.getElementById(arguments[0]).submit()", &[json!(form)]);
            browser.wait("the answer", || {
                browser
                    .path()
                    .starts_with("/settings/roles")
                    .then_some(())
                    .or_else(|| browser.path().starts_with("/login").then_some(()))
            });
            assert!(!owned(), "{host} {form}");
        }
    }
    let denied = server.api().audit("outcome=denied&action=session.use");
    assert!(!denied.is_empty(), "what came with the cookie is on the record");
    // Nobody but the server itself frames a page of it.
    browser.complaints();
    browser.open(&format!("http://127.0.0.1:{port}/"));
    let refused = browser.wait("the refused frame", || {
        Some(browser.log()).filter(|log| {
            log.iter().any(|line| line.contains("frame-ancestors") || line.contains("X-Frame-Options"))
        })
    });
    assert!(!refused.is_empty());

    // A text that became markup after all could run nothing.
    browser.go("/settings/members");
    let script = "const tag = document.createElement('script'); tag.textContent = 'window.pwned = 1'; document.body.append(tag);
        const far = document.createElement('script'); far.src = 'http://localhost:' + arguments[0] + '/'; document.body.append(far);
        const box = document.createElement('div'); box.innerHTML = '<img src=x onerror=\"window.pwned = 2\"><b onclick=\"window.pwned = 3\" style=\"color:red\">b</b>';
        document.body.append(box); box.querySelector('b').click();
        return [window.pwned ?? null, getComputedStyle(box.querySelector('b')).color];";
    let done = browser.run(script, &[json!(port)]);
    assert_eq!(done[0], Value::Null);
    assert_ne!(done[1], "rgb(255, 0, 0)", "no style of its own either");
    browser.wait("the policy's word", || {
        browser.log().iter().any(|line| line.contains("Content Security Policy")).then_some(())
    });
    assert_eq!(browser.run("return window.pwned ?? null", &[]), Value::Null);
}
