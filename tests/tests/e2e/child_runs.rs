//! Workflows that start workflows: the output comes back, the same call has one child over retries, kills and stops, and who waits
//! keeps nobody out.

use factotum_tests::{Api, Backend, Server, on_both_backends, wait_until};
use serde_json::{Value, json};

/// The runs that a run has started.
pub fn children(api: &Api, parent: &str) -> Vec<Value> {
    let all = api.all(&format!("/api/v1/runs?parent={parent}"));
    assert!(all.iter().all(|run| run["initiator"] == json!({"kind": "run", "id": parent})), "{all:?}");
    all
}

/// Retries at once, and as often as it takes.
fn patient() -> Value {
    json!({"grants": ["workflows:run"], "retry": {"attempts": 20, "backoff_ms": 1}, "limits": {"wall_ms": 600_000}})
}

on_both_backends! {
    fn a_workflow_calls_another_and_gets_its_output(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        api.deploy("starter", &["workflows:run:echo"]);
        let call = json!({"ops": [{"op": "call", "workflow": "echo", "payload": {"order": 7}}]});
        let run = api.run("starter", &call);
        assert_eq!(run["state"], "succeeded", "{run}");
        let answer = &run["outcome"]["output"][0]["ok"];
        assert_eq!(answer["payload"], json!({"order": 7}));
        let id = run["id"].as_str().unwrap();
        assert_eq!(answer["run"]["initiator"], json!({"kind": "run", "id": id}));
        let child = children(api, id).remove(0);
        assert_eq!(child["chain"], json!([id]));
        assert_eq!(child["principal"], run["principal"]);
        assert!(run.get("chain").is_none(), "nothing stands above it: {run}");
        let entries = api.audit(&format!("run={}", child["id"].as_str().unwrap()));
        assert_eq!(entries.len(), 2, "{entries:?}");
        assert!(entries.iter().all(|e| e["chain"] == json!([id]) && e["initiator"]["kind"] == "run"));
        assert!(entries.iter().all(|e| e["actor"] == entries[0]["actor"]), "{entries:?}");
    }

    fn a_childs_failure_comes_back_with_its_code(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        for guest in ["crash", "flaky"] {
            api.deploy(guest, &[]);
        }
        api.deploy_with("starter", &patient());
        let ops = json!({"ops": [{"op": "call", "workflow": "crash"}, {"op": "call", "workflow": "flaky", "payload": {"until": 9}}]});
        let answers = api.run("starter", &ops)["outcome"]["output"].clone();
        assert_eq!((&answers[0]["error"]["kind"], &answers[0]["error"]["code"]), (&json!("failed"), &json!("trap")));
        assert_eq!(answers[1]["error"]["code"], "failed");
        assert!(answers[1]["error"]["message"].as_str().unwrap().contains("as told"), "{answers}");
    }

    fn a_parent_that_is_retried_has_the_same_children(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        api.deploy_with("starter", &patient());
        let ops = json!({"until": 4, "ops": [
            {"op": "call", "workflow": "echo", "payload": {"n": 1}},
            {"op": "start", "workflow": "echo", "payload": {"n": 1}},
            {"op": "start", "workflow": "echo", "payload": "in attempt {attempt}", "key": "one"},
            {"op": "start", "workflow": "echo", "payload": "in attempt {attempt}"},
        ]});
        let run = api.run("starter", &ops);
        assert_eq!((run["state"].as_str(), run["attempt"].as_u64()), (Some("succeeded"), Some(4)), "{run}");
        let all = children(api, run["id"].as_str().unwrap());
        assert_eq!(all.len(), 4, "one per call, however often it was made: {all:?}");
        let answers = &run["outcome"]["output"];
        for n in [1, 2] {
            assert!(all.iter().any(|child| child["id"] == answers[n]["ok"]), "{answers}");
        }
        // What is another call under the same number is told, and not given the wrong child.
        assert_eq!(answers[3]["error"]["kind"], "changed", "{answers}");
    }

    fn a_parent_killed_and_retried_starts_no_second_child(backend: Backend) {
        let mut server = Server::start(backend);
        server.api().deploy("echo", &[]);
        server.api().deploy_with("starter", &patient());
        let ops = json!({"sleep_ms": 600_000, "ops": [
            {"op": "start", "workflow": "echo", "payload": {"n": 1}},
            {"op": "call", "workflow": "echo", "payload": {"n": 2}, "key": "two"},
        ]});
        let run = server.api().begin("starter", &ops);
        let id = run["id"].as_str().unwrap();
        let before = wait_until("both children", || Some(children(server.api(), id)).filter(|all| all.len() == 2));
        server.kill();
        server.resume().unwrap();
        let ended = server.api().wait_end(id);
        assert_eq!((ended["state"].as_str(), ended["attempt"].as_u64()), (Some("succeeded"), Some(2)), "{ended}");
        let after = children(server.api(), id);
        let ids = |all: &[Value]| all.iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(ids(&after), ids(&before));
        assert!(ids(&after).contains(&ended["outcome"]["output"][0]["ok"].as_str().unwrap().to_owned()), "{ended}");
        for child in after {
            assert_eq!(server.api().wait_end(child["id"].as_str().unwrap())["state"], "succeeded");
        }
    }

    fn one_instance_is_enough_for_all_who_wait(backend: Backend) {
        let server = Server::start_with(backend, "[limits]\nmax_instances = 1\n");
        let api = server.api();
        api.deploy("echo", &[]);
        api.deploy_with("starter", &patient());
        // Five runs at once, each of which waits for one that waits for another.
        let inner = json!({"ops": [{"op": "call", "workflow": "echo", "payload": "deep"}]});
        let outer = json!({"ops": [{"op": "call", "workflow": "starter", "payload": inner}]});
        let begun: Vec<Value> = (0..5).map(|_| api.begin("starter", &outer)).collect();
        for run in begun {
            let ended = api.wait_end(run["id"].as_str().unwrap());
            assert_eq!(ended["outcome"]["output"][0]["ok"][0]["ok"]["payload"], "deep", "{ended}");
        }
    }

    fn a_stop_gives_back_who_waits_and_the_next_start_goes_on(backend: Backend) {
        let mut server = Server::start_with(backend, "[limits]\ndrain_ms = 20000\n");
        for guest in ["spin", "starter"] {
            server.api().upload(guest);
        }
        server.api().workflow("spin", "spin", &json!({"limits": {"wall_ms": 600_000, "cpu_ms": 600_000}}));
        server.api().workflow("starter", "starter", &patient());
        // The child never comes up, so only the stop can end the wait.
        server.api().patch("/api/v1/workflows/spin", &json!({"paused": true})).expect(200);
        let run = server.api().begin("starter", &json!({"ops": [{"op": "call", "workflow": "spin"}]}));
        let id = run["id"].as_str().unwrap();
        let child = wait_until("the child", || children(server.api(), id).pop());
        assert!(server.stop().unwrap().success());
        assert!(!server.log().contains("giving back the runs that did not end in time"), "it went at once");
        server.resume().unwrap();
        server.api().wait_state(id, &["running"]);
        let child = child["id"].as_str().unwrap();
        server.api().post(&format!("/api/v1/runs/{child}/cancel"), &json!({})).expect(200);
        let ended = server.api().wait_end(id);
        assert_eq!(ended["outcome"]["output"][0]["error"]["code"], "cancelled", "{ended}");
        assert_eq!(children(server.api(), id).len(), 1);
    }
}

#[test]
fn a_child_that_another_node_runs_comes_back_too() {
    let one = Server::start(Backend::Postgres);
    let mut other = one.another_node().unwrap();
    one.api().deploy("sleeper", &[]);
    one.api().deploy_with("starter", &patient());
    // Whichever node runs what: eight at once, and both take part.
    let ops = json!({"ops": [{"op": "call", "workflow": "sleeper", "payload": {"ms": 200}}]});
    let begun: Vec<Value> =
        (0..8)
            .map(|n| {
                if n % 2 == 0 { one.api().begin("starter", &ops) } else { other.api().begin("starter", &ops) }
            })
            .collect();
    // One goes down gracefully in the middle: what waited there goes on elsewhere, with the same children.
    assert!(other.stop().unwrap().success());
    for run in begun {
        let id = run["id"].as_str().unwrap();
        let ended = one.api().wait_end(id);
        assert_eq!(ended["outcome"]["output"], json!([{"ok": {"slept_ms": 200}}]), "{ended}");
        assert_eq!(children(one.api(), id).len(), 1);
    }
}
