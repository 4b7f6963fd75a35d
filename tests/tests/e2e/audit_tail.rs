//! Following the trail live: what comes, in which order, after a break, and when it ends.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use factotum_tests::cli::Cli;
use factotum_tests::{Api, Events, Server, on_both_backends, wait_until, wait_within};
use serde_json::{Value, json};

/// Ids of the entries that came.
fn ids(events: &Events) -> Vec<String> {
    events.messages().iter().map(|e| e.data["id"].as_str().unwrap().to_owned()).collect()
}

/// Something that leaves one entry: a secret is set.
fn leave(api: &Api, name: &str) {
    let answer = api.put(&format!("/api/v1/secrets/{name}"), &json!({"value": "v"}));
    assert!(matches!(answer.status, 200 | 201 | 204), "{}", answer.text());
}

/// Waits until the tail has an entry about this target.
fn sees(events: &Events, target: &str) -> Value {
    wait_until(&format!("an entry about {target}"), || {
        events.messages().into_iter().map(|e| e.data).find(|entry| {
            entry["targets"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|t| t["name"] == target || t["id"] == target)
        })
    })
}

on_both_backends! {
    fn a_tail_goes_on_after_a_break_without_gap_or_repeat(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        leave(api, "before");
        let first = Events::follow(api, "/api/v1/audit/tail", None).unwrap();
        wait_until("a place, before there is any entry", || (!first.last_id().is_empty()).then_some(()));
        leave(api, "one");
        leave(api, "two");
        sees(&first, "two");
        let (mut seen, place) = (ids(&first), first.last_id());
        drop(first);
        for name in ["three", "four", "five"] {
            leave(api, name);
        }
        let second = Events::follow(api, "/api/v1/audit/tail", Some(&place)).unwrap();
        sees(&second, "five");
        leave(api, "six");
        sees(&second, "six");
        seen.extend(ids(&second));
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len(), "nothing comes twice");
        // What the trail has since the tail began, in the order of the leaves, is what came.
        let mut trail: Vec<_> = api.audit("action=secret.*").iter().map(|e| e["id"].as_str().unwrap().to_owned()).collect();
        trail.reverse();
        let secrets: Vec<_> = seen.iter().filter(|id| trail.contains(id)).cloned().collect();
        // `before` as well, if it was not sealed yet.
        assert!((6..=7).contains(&secrets.len()), "{secrets:?}");
        assert_eq!(secrets, trail[trail.len() - secrets.len()..], "each once, in order");
        // One entry per tail, which both tails see as well.
        assert_eq!(api.audit("action=audit.tail").len(), 2);
        // The query's `cursor` says what the header says, and a wrong place is no place.
        let again = Events::follow(api, &format!("/api/v1/audit/tail?cursor={place}&action=secret.*"), None).unwrap();
        sees(&again, "six");
        assert_eq!(ids(&again), trail[trail.len() - 4..]);
        api.get("/api/v1/audit/tail?cursor=yesterday").expect_problem(422, "invalid_field");
        api.get("/api/v1/audit/tail?limit=5").expect_problem(422, "invalid_field");
    }

    fn a_tail_has_the_filters_of_the_list_and_stays_in_its_organization(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let other = api.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        let denied = Events::follow(api, "/api/v1/audit/tail?outcome=denied&actor_kind=service", None).unwrap();
        let (secret, made) = api.mint("reader", &["runs:read"]);
        leave(&other, "theirs");
        leave(api, "ours");
        api.with_key(&secret).get("/api/v1/audit").expect_problem(403, "denied");
        let entry = wait_until("the denial", || denied.messages().first().map(|e| e.data.clone()));
        assert_eq!(entry["action"], "audit.read");
        assert_eq!(entry["actor"]["id"], made["service_account"]["id"]);
        let everything = Events::follow(api, "/api/v1/audit/tail", Some("0-0")).unwrap();
        sees(&everything, "ours");
        let org = entry["org_id"].clone();
        assert!(everything.messages().iter().all(|e| e.data["org_id"] == org), "another organization's entries");
        // The last place of a filtered tail is past what it left out.
        wait_until("the place to move on", || (denied.last_id() == everything.last_id()).then_some(()));
        assert_eq!(denied.messages().len(), 1);
        api.with_key(&secret).get("/api/v1/audit/tail").expect_problem(403, "denied");
    }

    fn a_tail_ends_with_its_key_its_grant_and_the_server(backend: Backend) {
        let mut server = Server::start(backend);
        let api = server.api();
        let (secret, made) = api.mint("follower", &["audit:read"]);
        let own = Events::follow(&api.with_key(&secret), "/api/v1/audit/tail", None).unwrap();
        let others = Events::follow(api, "/api/v1/audit/tail", None).unwrap();
        leave(api, "seen");
        sees(&own, "seen");
        api.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).expect(204);
        let revoked = Instant::now();
        wait_until("the end of the tail", || own.has_ended().then_some(()));
        // Within a second; a slow machine gets some more.
        assert!(revoked.elapsed() < Duration::from_secs(5), "{:?}", revoked.elapsed());
        let last = own.all().pop().unwrap();
        assert_eq!(last.kind, "end", "{last:?}");
        assert!(own.messages().iter().all(|e| e.data["action"] != "api_key.revoke"), "its own end is not its to read");
        leave(api, "after");
        sees(&others, "after");
        assert!(!others.has_ended(), "others go on");
        server.stop().unwrap();
        wait_until("the end with the server", || others.has_ended().then_some(()));
        assert_eq!(others.all().pop().unwrap().kind, "end");
    }

    fn tails_are_bounded_and_one_that_is_gone_makes_room(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let mut tails = Vec::new();
        for _ in 0..64 {
            tails.push(Events::follow(api, "/api/v1/audit/tail", None).unwrap());
        }
        api.get("/api/v1/audit/tail").expect_problem(503, "unavailable");
        drop(tails.pop());
        let next = wait_until("room", || Events::follow(api, "/api/v1/audit/tail", None).ok());
        leave(api, "still-served");
        sees(&next, "still-served");
        sees(&tails[0], "still-served");
    }

    fn the_command_prints_what_comes_and_goes_on_after_a_restart(backend: Backend) {
        let mut server = Server::start(backend);
        let tail = Cli::of(&server).begin(&["audit", "tail", "--action", "secret.*", "--json"]).unwrap();
        let text = Cli::of(&server).begin(&["audit", "tail", "--action", "secret.*"]).unwrap();
        wait_until("the tails to begin", || (server.api().audit("action=audit.tail").len() == 2).then_some(()));
        leave(server.api(), "first");
        wait_until("a line", || (tail.stdout().lines().count() == 1).then_some(()));
        server.kill();
        server.resume().unwrap();
        leave(server.api(), "second");
        let lines = wait_within(Duration::from_mins(2), "the second line", || {
            let out = tail.stdout();
            (out.lines().count() >= 2).then_some(out)
        });
        let names: Vec<_> = lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["targets"][0]["id"].clone()).collect();
        assert_eq!(names, ["first", "second"], "each once");
        let shown = wait_until("the lines for people", || Some(text.stdout()).filter(|out| out.lines().count() == 2));
        assert!(shown.lines().all(|line| line.contains("secret.create") && line.contains("tests")), "{shown}");
        assert!(tail.stderr().contains("trying again"), "{}", tail.stderr());
        drop(tail);
        let (secret, _) = server.api().mint("nosy", &["runs:read"]);
        let nosy = Cli::of(&server).with("FACTOTUM_API_KEY", &secret);
        nosy.refused(3, &["audit", "tail"]);
    }
}
