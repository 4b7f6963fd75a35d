//! The console under attack in the browser: scripts in every stored text, pages of other sites that send forms or frame it, and addresses that lead away.

use factotum_tests::browser::PASSWORD;
use factotum_tests::receiver::Receiver;
use factotum_tests::server::ADMIN;
use factotum_tests::{Backend, Browser, Server};
use serde_json::{Value, json};

use crate::Chromium;
use crate::audit::joined;

/// What would run, were it taken for markup: out of an attribute, as an element, and as an address.
const HOSTILE: &str = "\"'><img src=x onerror=window.pwned=1><script>pwned=2</script>";
/// How many pages a crawl visits at the most.
const MOST_PAGES: usize = 60;

/// Whether anything of it became markup, or ran.
#[track_caller]
fn is_clean(browser: &Chromium, page: &str) {
    let script = "return [typeof window.pwned, document.querySelectorAll('img[src=x], svg[onload], [onerror]').length, \
        [...document.querySelectorAll('script')].filter(s => !s.src).length, \
        [...document.querySelectorAll('[href], [action], [src]')].filter(e => /^\\s*javascript:/i.test(e.getAttribute('href') || e.getAttribute('action') || e.getAttribute('src') || '')).length]";
    assert_eq!(browser.run(script, &[]), json!(["undefined", 0, 0, 0]), "{page}");
}

/// The paths that a page leads to, without what changes something.
fn links(browser: &Chromium) -> Vec<String> {
    let script = "return [...document.querySelectorAll('a[href^=\"/\"]:not([download])')].map(a => a.getAttribute('href').split('#')[0])";
    browser
        .run(script, &[])
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap().to_owned())
        .collect()
}

/// What pages of a kind have in common: one of each is visited.
fn kind(path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let ids =
        |part: &str| if part.contains('_') && part.len() > 20 { "ID".to_owned() } else { part.to_owned() };
    let names: Vec<_> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    format!("{}?{}", path.split('/').map(ids).collect::<Vec<_>>().join("/"), names.join("&"))
}

#[test]
fn no_stored_text_becomes_markup_on_any_page() {
    let server = Server::start(Backend::Sqlite);
    let api = server.api();
    // Another organization of the same person, named so: it stands in the menu of every page.
    server.bootstrap(HOSTILE, ADMIN).unwrap();
    joined(&server, "eve@example.com", HOSTILE, &["Admin"]);
    let short = &HOSTILE[..HOSTILE.len().min(78)];
    api.post("/api/v1/api-keys", &json!({"nickname": short, "grants": ["runs:read"]})).expect(201);
    api.post("/api/v1/roles", &json!({"name": short, "grants": ["runs:read"]}));
    api.deploy_with("echo", &json!({"config": {"greeting": HOSTILE, HOSTILE: "javascript:pwned=3"}}));
    api.deploy_with("flaky", &json!({"retry": {"attempts": 1, "backoff_ms": 20}}));
    let hook = api.webhook("echo", &json!({"reply": "outcome", "dedup": {"header": "X-Id"}}));
    let headers = [
        ("x-id", HOSTILE),
        ("x-evil", HOSTILE),
        ("user-agent", HOSTILE),
        ("content-type", "application/json"),
    ];
    let body = json!({"text": HOSTILE, HOSTILE: [HOSTILE], "link": "javascript:pwned=4"}).to_string();
    let sent = server.stranger().send(
        "POST",
        &format!("{hook}?q=%3Cscript%3Epwned%3D5%3C%2Fscript%3E"),
        &headers,
        body.as_bytes(),
    );
    assert_eq!(sent.unwrap().status, 200);
    api.run("flaky", &json!({"until": 9, "text": HOSTILE}));
    // A refusal with a hostile client's name, and a hostile target.
    let hostile = Browser::at(server.base()).with("user-agent", HOSTILE);
    hostile.log_in("nobody@example.com", "wrong");
    api.get(&format!(
        "/api/v1/workflows/{}",
        percent_encoding::utf8_percent_encode(HOSTILE, percent_encoding::NON_ALPHANUMERIC)
    ));

    let browser = Chromium::of(&server, ADMIN);
    let session = Browser::of(&server, ADMIN).with("accept", "text/html");
    browser.go("/audit?action=api_key.*");
    browser.press("Save this view");
    browser.fill("#name", &HOSTILE[..HOSTILE.len().min(60)]);
    browser.press("Save");
    let encoded = "%22%27%3E%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E";
    let mut open = vec![
        "/".to_owned(),
        format!("/audit?q={encoded}"),
        format!("/audit?target={encoded}&run={encoded}&since={encoded}"),
        "/settings/members?service=true".to_owned(),
        format!("/no/such/page/{encoded}?x={encoded}"),
        format!("/login?next={encoded}"),
        "/login?next=javascript:pwned=6".to_owned(),
    ];
    let (mut seen, mut shown) = (Vec::<String>::new(), false);
    while let Some(path) = open.pop() {
        if seen.len() >= MOST_PAGES || seen.contains(&kind(&path)) || path.starts_with("/api/") {
            continue;
        }
        seen.push(kind(&path));
        browser.go(&path);
        is_clean(&browser, &path);
        shown |= browser.text("body").contains("<img src=x onerror=");
        let answer = session.get(&path);
        if answer.status != 303 {
            let policy = answer.header("content-security-policy").unwrap_or_default().to_owned();
            assert!(
                policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"),
                "{path}: {policy}"
            );
            assert!(
                policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"),
                "{path}: {policy}"
            );
            assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        }
        open.extend(links(&browser));
    }
    assert!(shown, "the texts are shown, as texts");
    assert!(seen.len() > 12, "{seen:?}");

    // The entries that name what is hostile, one by one.
    for query in [
        "action=session.begin",
        "action=api_key.create",
        "action=member.create",
        "action=event.accept",
        "action=saved_view.create",
    ] {
        let Some(entry) = api.audit(query).into_iter().next() else { continue };
        let path = format!("/audit/{}", entry["id"].as_str().unwrap());
        browser.go(&path);
        is_clean(&browser, &path);
    }
    // The live tail builds its rows in the browser.
    browser.go("/audit");
    browser.press("Follow live");
    browser.sees("Live: waiting");
    api.post("/api/v1/api-keys", &json!({"nickname": format!("b{}", &short[..60]), "grants": ["runs:read"]}))
        .expect(201);
    browser.sees(" new entr");
    is_clean(&browser, "the live tail");

    // Even markup that got in would not run.
    let inject = "const s = document.createElement('script'); s.textContent = 'window.pwned = 7'; document.body.append(s); \
        const i = document.createElement('div'); i.innerHTML = '<img src=x onerror=\"window.pwned = 8\">'; document.body.append(i); \
        const a = document.createElement('a'); a.href = 'javascript:window.pwned = 9'; document.body.append(a); a.click(); return 1";
    browser.run(inject, &[]);
    browser.wait("the browser to refuse it", || {
        let refused = browser.complaints();
        refused.iter().any(|line| line.contains("Content Security Policy")).then_some(())
    });
    assert_eq!(browser.run("return typeof window.pwned", &[]), json!("undefined"));
}

#[test]
fn another_sites_page_neither_acts_nor_frames_nor_reads() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::of(&server, ADMIN);
    let cookies = browser.cookies();
    let session = cookies.iter().find(|cookie| cookie.name() == "__Host-factotum").unwrap();
    assert_eq!((session.http_only(), session.secure(), session.path()), (Some(true), Some(true), Some("/")));
    assert_eq!(session.same_site().map(|site| site.to_string()).as_deref(), Some("Lax"));
    assert_eq!(browser.run("return document.cookie", &[]), json!(""), "no script reads it");

    // Another port of the same host is the same site: the cookie comes along, and the request is refused all the same.
    let evil = Receiver::start().unwrap();
    let base = server.base();
    for (action, fields) in [
        ("/logout", ""),
        ("/settings/api-keys", "<input name=nickname value=stolen><input name=grants value='*:*'>"),
        ("/audit/views", "<input name=name value=stolen><input name=query value='outcome=denied'>"),
    ] {
        evil.show(&format!("<!doctype html><form method=post action='{base}{action}'>{fields}<button>Win a prize</button></form>"));
        browser.open(&evil.base());
        browser.press("Win a prize");
        browser.sees("This account may not do this");
    }
    let refused = server.api().audit("action=session.use&outcome=denied");
    assert!(!refused.is_empty(), "it is on the record");
    assert!(
        server.api().audit("action=api_key.create").iter().all(|entry| !entry.to_string().contains("stolen"))
    );
    browser.go("/audit?outcome=denied");
    browser.sees("session.use");
    assert_eq!(browser.count(".chip.saved"), 0);

    // From another site altogether the cookie does not even come along.
    evil.show(&format!(
        "<!doctype html><form method=post action='{base}/logout'><button>Win a prize</button></form>"
    ));
    browser.open(&format!("http://localhost:{}", evil.port()));
    browser.press("Win a prize");
    browser.wait("the log-in page", || browser.path().starts_with("/login").then_some(()));
    browser.go("/");
    browser.sees("Overview");

    // It stands in no frame, and no other page reads it.
    browser.complaints();
    evil.show(&format!("<!doctype html><p>Look at this</p><iframe src='{base}/settings/members'></iframe><img src='{base}/assets/x'>"));
    browser.open(&evil.base());
    browser.sees("Look at this");
    browser.wait("the browser to refuse the frame", || {
        browser.complaints().iter().any(|line| line.contains("frame")).then_some(())
    });
    let read =
        "return fetch(arguments[0], {credentials: 'include'}).then(r => r.text(), e => 'refused: ' + e)";
    let got = browser.run(read, &[Value::from(format!("{base}/settings/members"))]);
    assert!(got.as_str().unwrap().starts_with("refused"), "{got}");
}

#[test]
fn a_log_in_leads_to_no_other_site() {
    let server = Server::start(Backend::Sqlite);
    let browser = Chromium::at(&server);
    for away in
        ["https%3A%2F%2Fevil.example%2F", "%2F%2Fevil.example", "%2F%5Cevil.example", "javascript%3Aalert(1)"]
    {
        browser.go("/logout-is-a-form");
        browser.go(&format!("/login?next={away}"));
        browser.fill("[name=email]", ADMIN);
        browser.fill("[name=password]", PASSWORD);
        browser.click("main form button");
        browser.wait("the overview", || (browser.path() == "/").then_some(()));
        browser.sees("Overview");
        let origin = browser.run("return location.origin", &[]);
        assert_eq!(origin, json!(server.base()));
    }
}
