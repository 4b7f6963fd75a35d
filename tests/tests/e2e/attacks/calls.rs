//! Workflows that start workflows are no way around anything: a child has no more than its parent, nobody else's runs or workflows are
//! in reach, a loop ends, and what stops the parent stops the child.

use std::time::{Duration, Instant};

use factotum_tests::{Api, Server, on_both_backends, wait_until, wait_within};
use serde_json::{Value, json};

use crate::child_runs::children;

/// Within what time a revocation stops what runs, and what a busy machine adds.
const STOPPED: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(5);
/// How long five hundred runs may take on two instances of a busy machine.
const BRANCHING: Duration = Duration::from_mins(5);

fn call(workflow: &str, payload: &Value) -> Value {
    json!({"ops": [{"op": "call", "workflow": workflow, "payload": payload}]})
}

fn id(run: &Value) -> &str {
    run["id"].as_str().unwrap()
}

/// The one refusal of this run that is on the record.
#[track_caller]
fn denial(api: &Api, run: &Value) -> Value {
    let mut entries = api.audit(&format!("run={}&outcome=denied", id(run)));
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0)
}

on_both_backends! {
    fn a_low_workflow_that_calls_a_high_one_gains_nothing(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.upload("kvtest");
        admin.workflow("high", "kvtest", &json!({"grants": ["kv:read", "kv:write"]}));
        admin.upload("starter");
        admin.workflow("low", "starter", &json!({"grants": ["workflows:run:high", "kv:read"]}));
        let write = json!({"ops": [{"op": "set", "key": "k", "value": 1}, {"op": "get", "key": "k"}]});
        // Through a webhook, as the base account, which may do everything; and by an Admin's key.
        let hook = admin.webhook("low", &json!({"reply": "outcome"}));
        let answer = server.stranger().post(&hook, &call("high", &write)).expect(200);
        let by_hook = admin.all("/api/v1/runs?workflow=low").remove(0);
        let by_key = admin.run("low", &call("high", &write));
        for parent in [&by_hook, &by_key] {
            let of_child = &parent["outcome"]["output"][0]["ok"];
            assert_eq!(of_child[0]["error"]["kind"], "denied", "{parent}");
            assert_eq!(of_child[1], json!({"ok": null}), "nothing was written; reading both may: {parent}");
            let child = children(admin, id(parent)).remove(0);
            assert_eq!(child["authority"], json!(["kv:read"]));
            assert_eq!(child["missing_grants"], json!(["kv:write"]));
            assert_eq!(child["principal"], parent["principal"]);
            let denied = denial(admin, &child);
            assert_eq!((&denied["action"], &denied["chain"]), (&json!("kv.write"), &json!([id(parent)])), "{denied}");
        }
        assert_eq!(by_hook["principal"]["kind"], "base", "{answer}");
    }

    fn without_the_grant_nothing_is_started(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        admin.upload("starter");
        admin.workflow("none", "starter", &json!({"grants": ["workflows:run:other", "kv:write"]}));
        admin.workflow("named", "starter", &json!({"grants": ["workflows:run:echo"]}));
        // The workflow declares it, but the key that runs it does not hold it.
        let (secret, _) = admin.mint("caller", &["workflows:run:named"]);
        let caller = admin.with_key(&secret);
        for (api, workflow) in [(admin, "none"), (&caller, "named")] {
            let run = api.run(workflow, &call("echo", &json!({})));
            assert_eq!(run["outcome"]["output"][0]["error"]["kind"], "denied", "{run}");
            let denied = denial(admin, &run);
            assert_eq!((&denied["action"], &denied["permission"]), (&json!("workflow.run"), &json!("workflows:run:echo")));
            assert_eq!(denied["actor"]["id"], run["principal"]["id"]);
            assert!(children(admin, id(&run)).is_empty());
        }
        assert!(admin.all("/api/v1/runs?workflow=echo").is_empty());
    }

    fn another_organizations_workflows_and_runs_are_not_there(backend: Backend) {
        let server = Server::start(backend);
        let mine = server.api();
        let other = mine.with_key(&server.bootstrap("Other", "other@example.com").unwrap());
        other.deploy("echo", &[]);
        let theirs = other.run("echo", &json!({}));
        mine.upload("echo");
        mine.workflow("own", "echo", &json!({}));
        let unrelated = mine.run("own", &json!({}));
        mine.deploy("starter", &["*:*"]);
        let ops = json!({"ops": [
            {"op": "start", "workflow": "echo"},
            {"op": "start", "workflow": "never-was"},
            {"op": "wait", "run": id(&theirs)},
            {"op": "wait", "run": id(&unrelated)},
            {"op": "wait", "run": "run_00000000000000000000000000000001"},
        ]});
        let run = mine.run("starter", &ops);
        let answers = run["outcome"]["output"].as_array().unwrap();
        assert!(answers.iter().all(|a| a["error"]["kind"] == "not_found"), "{run}");
        let essence = |n: usize, name: &str| answers[n]["error"]["message"].as_str().unwrap().replace(name, "IT");
        assert_eq!(essence(0, "echo"), essence(1, "never-was"), "theirs is like none");
        let none = essence(4, "run_00000000000000000000000000000001");
        assert_eq!((essence(2, id(&theirs)), essence(3, id(&unrelated))), (none.clone(), none));
        assert_eq!(other.all("/api/v1/runs").len(), 1);
    }

    fn a_loop_of_calls_ends_at_the_depth_limit(backend: Backend) {
        let server = Server::start_with(backend, "[limits]\nmax_instances = 2\n");
        let api = server.api();
        api.upload("ouroboros");
        let patient = json!({"grants": ["workflows:run"], "limits": {"wall_ms": 600_000}});
        for name in ["ouroboros", "ping", "pong"] {
            api.workflow(name, "ouroboros", &patient);
        }
        for (first, wish) in [("ouroboros", json!({})), ("ping", json!({"others": ["pong"]}))] {
            let run = api.run(first, &wish);
            assert_eq!(run["outcome"]["output"], json!({"below": 8, "stopped_by": "depth_limit"}), "{run}");
        }
        let deepest: Vec<Value> = api.audit("action=workflow.run&outcome=denied");
        assert_eq!(deepest.len(), 2, "{deepest:?}");
        for denied in &deepest {
            assert_eq!(denied["chain"].as_array().map(Vec::len), Some(8), "{denied}");
            assert!(denied["reason"].as_str().unwrap().starts_with("depth_limit: "), "{denied}");
        }
        assert_eq!(api.all("/api/v1/runs?workflow=ouroboros").len(), 9);
        assert_eq!(api.all("/api/v1/runs?workflow=ping").len() + api.all("/api/v1/runs?workflow=pong").len(), 9);

        // Without waiting, and branching.
        api.run("ouroboros", &json!({"each": 2}));
        let any = |state: &str| !api.get(&format!("/api/v1/runs?state={state}&limit=1")).expect(200)["items"].as_array().unwrap().is_empty();
        let runs = wait_within(BRANCHING, "all to end", || {
            // The look at all of them, which is dear, only when it may be the last.
            let under_way = any("queued") || any("running");
            let all = (!under_way).then(|| api.all("/api/v1/runs?workflow=ouroboros"))?;
            Some(all).filter(|all| all.iter().all(|run| !["queued", "running"].contains(&run["state"].as_str().unwrap())))
        });
        let odd: Vec<_> = runs.iter().filter(|run| run["state"] != "succeeded" || run["outcome"]["output"]["stopped_by"] == "unavailable").collect();
        assert!(odd.is_empty(), "{odd:?}");
        assert_eq!(runs.len(), 9 + (1 << 9) - 1, "two to the depth, and no more");
    }

    fn a_paused_child_waits_and_its_parent_no_longer_than_it_may(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        api.deploy("echo", &[]);
        api.deploy_with("starter", &json!({"grants": ["workflows:run"], "limits": {"wall_ms": 3_000}}));
        api.patch("/api/v1/workflows/echo", &json!({"paused": true})).expect(200);
        let run = api.run("starter", &call("echo", &json!({})));
        assert_eq!(run["outcome"]["error"]["code"], "deadline_exceeded", "{run}");
        let child = children(api, id(&run)).remove(0);
        assert_eq!(child["state"], "queued");
        api.patch("/api/v1/workflows/echo", &json!({"paused": false})).expect(200);
        assert_eq!(api.wait_end(id(&child))["state"], "succeeded", "a child lives on its own");
    }

    fn the_kill_switch_holds_children_too(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &[]);
        admin.upload("starter");
        admin.workflow("starter", "starter", &json!({"grants": ["workflows:run"], "limits": {"wall_ms": 600_000}}));
        let (secret, made) = admin.mint("robot", &["workflows:run"]);
        let inner = json!({"sleep_ms": 600_000, "ops": [{"op": "start", "workflow": "echo"}]});
        let robot = admin.with_key(&secret);
        let outer = robot.begin("starter", &call("starter", &inner));
        let sleeping = wait_until("the chain", || {
            let middle = children(admin, id(&outer)).pop()?;
            (children(admin, id(&middle)).len() == 1).then_some(middle)
        });
        let account = made["service_account"]["id"].as_str().unwrap();
        admin.post(&format!("/api/v1/accounts/{account}/suspend"), &json!({})).expect(200);
        // The middle one ends; its parent, which runs already, is told so.
        admin.post(&format!("/api/v1/runs/{}/cancel", id(&sleeping)), &json!({})).expect(200);
        let ended = admin.wait_end(id(&outer));
        assert_eq!(ended["outcome"]["output"][0]["error"]["code"], "cancelled", "{ended}");
        // What the account starts now is held.
        let held = robot.begin("starter", &call("echo", &json!({})));
        assert_eq!(admin.run_object(id(&held))["state"], "queued");
        admin.post(&format!("/api/v1/accounts/{account}/resume"), &json!({})).expect(200);
        assert_eq!(admin.wait_end(id(&held))["state"], "succeeded");
    }

    fn a_revoked_key_stops_the_whole_chain(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.upload("spin");
        admin.workflow("spin", "spin", &json!({"limits": {"wall_ms": 600_000, "cpu_ms": 600_000}}));
        admin.deploy_with("starter", &json!({"grants": ["workflows:run"], "limits": {"wall_ms": 600_000}, "retry": {"attempts": 5, "backoff_ms": 1}}));
        let (secret, key) = admin.mint("robot", &["workflows:run"]);
        let inner = call("starter", &call("spin", &json!({})));
        let top = admin.with_key(&secret).begin("starter", &inner);
        let spinning = wait_until("the chain to run", || {
            let middle = children(admin, id(&top)).pop()?;
            children(admin, id(&middle)).pop().filter(|run| run["state"] == "running")
        });
        let chain = spinning["chain"].as_array().unwrap().clone();
        assert_eq!((chain.len(), &chain[0]), (2, &top["id"]), "{spinning}");
        let began = Instant::now();
        admin.delete(&format!("/api/v1/api-keys/{}", id(&key))).expect(204);
        let all: Vec<&str> = chain.iter().filter_map(Value::as_str).chain([id(&spinning)]).collect();
        for run in &all {
            let ended = admin.run_object(run);
            assert_eq!((ended["state"].as_str(), ended["outcome"]["error"]["code"].as_str()), (Some("cancelled"), Some("revoked")), "{ended}");
        }
        // Nothing of it runs on: no attempt is under way.
        wait_within(STOPPED + SLACK, "all attempts to be over", || {
            let text = server.stranger().get("/metrics").text();
            let line = text.lines().find(|line| line.starts_with("factotum_attempts_running ")).map(str::to_owned);
            line.unwrap_or_else(|| panic!("{text}")).ends_with(" 0").then_some(())
        });
        assert!(began.elapsed() < STOPPED + SLACK, "{:?}", began.elapsed());
        let mut cancels = admin.audit("action=run.cancel");
        cancels.retain(|e| e["run_id"] == spinning["id"]);
        assert_eq!(cancels[0]["chain"], spinning["chain"], "{cancels:?}");
        assert_eq!(admin.all("/api/v1/runs").len(), 3, "and no other was started");
    }

    fn a_childs_payload_cannot_claim_an_actor_or_a_parent(backend: Backend) {
        let server = Server::start(backend);
        let admin = server.api();
        admin.deploy("echo", &["kv:write"]);
        admin.deploy("starter", &["workflows:run:echo"]);
        let claims = json!({
            "run": {"id": "run_00000000000000000000000000000001", "principal": {"kind": "member", "name": "root"}},
            "principal": {"id": "acc_00000000000000000000000000000001", "kind": "base"}, "authority": ["*:*"], "chain": [],
            "initiator": {"kind": "system"}, "account_id": "acc_00000000000000000000000000000001", "parent": null,
        });
        let (secret, made) = admin.mint("caller", &["workflows:run"]);
        let run = admin.with_key(&secret).run("starter", &call("echo", &claims));
        let seen = &run["outcome"]["output"][0]["ok"];
        assert_eq!(seen["payload"], claims, "it is data, and stays it");
        assert_eq!(seen["run"]["principal"]["id"], made["service_account"]["id"]);
        assert_eq!(seen["run"]["initiator"], json!({"kind": "run", "id": id(&run)}));
        let child = children(admin, id(&run)).remove(0);
        assert_eq!((&child["authority"], &child["chain"]), (&json!([]), &json!([id(&run)])));
    }
}
