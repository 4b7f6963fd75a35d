//! Who may deliver, and where to: networks behind trusted proxies, pinned client certificates, a listener of hooks' own, and URLs that go on for a while.

use factotum_tests::postgres::free_port;
use factotum_tests::{Api, Server, Settings, on_both_backends};
use serde_json::json;

use super::{hook, post, refusals};

on_both_backends! {
    fn only_listed_networks_deliver_and_only_a_trusted_proxy_says_whose_address_it_is(backend: Backend) {
        let listed = json!({"allowed_networks": ["192.0.2.0/24"]});
        let from = |address: &str| vec![("x-forwarded-for".to_owned(), address.to_owned())];
        let server = Server::start(backend);
        server.api().deploy("echo", &[]);
        let (id, path) = hook(&server, &listed);
        for headers in [vec![], from("192.0.2.7")] {
            post(&server, &path, &headers, b"{}").expect_problem(403, "address_not_allowed");
        }
        assert!(refusals(&server, &id)[0].starts_with("address_not_allowed"));
        let (_, local) = hook(&server, &json!({"allowed_networks": ["127.0.0.1"]}));
        post(&server, &local, &from("192.0.2.7"), b"{}").expect(202);

        let server = Server::start_with(backend, "[proxy]\ntrusted = [\"127.0.0.1\"]\n");
        server.api().deploy("echo", &[]);
        let (_, path) = hook(&server, &listed);
        post(&server, &path, &from("192.0.2.7"), b"{}").expect(202);
        post(&server, &path, &from("192.0.2.7, 198.51.100.1"), b"{}").expect_problem(403, "address_not_allowed");
        post(&server, &path, &from("198.51.100.1, 192.0.2.7"), b"{}").expect(202);
        post(&server, &path, &[], b"{}").expect_problem(403, "address_not_allowed");
    }

    fn an_old_url_goes_on_for_the_time_that_it_is_given(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        let (id, first) = hook(&server, &json!({}));
        let at = format!("/api/v1/triggers/{id}");
        let regenerate = |query: &str| api.post(&format!("{at}/regenerate{query}"), &json!({}));
        for wrong in ["?overlap_s=-1", "?overlap_s=2592001", "?overlap_s=x", "?overlap=1"] {
            assert!(matches!(regenerate(wrong).status, 400 | 422), "{wrong}");
        }
        let changed = regenerate("?overlap_s=3600").expect(200);
        assert!(changed["old_url_until"].is_string(), "{changed}");
        let url = changed["url"].as_str().unwrap();
        let second = url[url.find("/hooks/").unwrap()..].to_owned();
        for path in [&first, &second] {
            post(&server, path, &[], b"{}").expect(202);
        }
        assert_eq!(api.get(&at).expect(200)["old_url_until"], changed["old_url_until"]);
        let last = regenerate("").expect(200);
        assert_eq!(last.get("old_url_until"), None);
        for path in [&first, &second] {
            post(&server, path, &[], b"{}").expect_problem(404, "not_found");
        }
        assert_eq!(api.audit("action=trigger.regenerate&outcome=ok").len(), 2);
    }
}

#[test]
fn hooks_have_a_listener_of_their_own() {
    let port = free_port().unwrap();
    let settings = Settings::default().toml(&format!("hooks_listen = \"127.0.0.1:{port}\"\n"));
    let server = Server::launch(settings).unwrap();
    let api = server.api();
    api.deploy("echo", &[]);
    let trigger = api.trigger("echo", "webhook", &json!({}));
    let url = trigger["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("http://127.0.0.1:{port}/hooks/")), "{url}");
    let path = &url[url.find("/hooks/").unwrap()..];
    let hooks = Api::at(format!("http://127.0.0.1:{port}"), None);
    hooks.post(path, &json!({})).expect(202);
    // Each address serves its own and nothing else.
    assert_eq!(server.stranger().post(path, &json!({})).status, 404);
    for other in ["/", "/login", "/healthz", "/metrics", "/api/v1/me", "/api/v1/openapi.json"] {
        hooks.get(other).expect_problem(404, "not_found");
    }
}
