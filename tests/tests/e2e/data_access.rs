//! The data-access class of the audit trail. What must hold: each call of the host is on the record where the workflow asks for it, with what it was done
//! to and its size, never with its content; a request is announced before it leaves, and is unknown where nobody heard of its end.

use factotum_tests::receiver::Receiver;
use factotum_tests::{Server, on_both_backends, wait_until};
use serde_json::{Value, json};

use crate::ledger::text;

const OPEN: &str = "[egress]\nallow = [\"127.0.0.1\"]\n";

fn of_run(server: &Server, run: &Value, action: &str) -> Vec<Value> {
    let mut entries = server.api().audit(&format!("run={}&action={action}", text(&run["id"])));
    entries.reverse();
    entries
}

on_both_backends! {
    fn each_call_of_the_host_is_on_the_record_where_asked(backend: Backend) {
        let server = Server::start(backend);
        let api = server.api();
        let grants = json!(["kv:read", "kv:write"]);
        let made = api.deploy_with("kvtest", &json!({"grants": grants, "audit": "data_access"}));
        assert_eq!(made["audit"], "data_access");
        assert_eq!(api.workflow("quiet", "kvtest", &json!({"grants": grants}))["audit"], "activity");
        api.put("/api/v1/workflows/bad", &json!({"plugin": "kvtest@1.0.0", "audit": "everything"})).expect_problem(422, "invalid_field");
        let ops = json!({"ops": [
            {"op": "set", "key": "orders/1", "value": "the content is nobody's business"},
            {"op": "get", "key": "orders/1"},
            {"op": "get", "key": "orders/2"},
            {"op": "swap", "key": "orders/1", "expected": 99, "value": 1},
            {"op": "list", "prefix": "orders/"},
            {"op": "delete", "key": "orders/1"},
        ]});
        let run = api.run("kvtest", &ops);
        assert_eq!(run["state"], "succeeded", "{run}");
        let said = |action: &str| {
            let entries = of_run(&server, &run, action);
            assert!(entries.iter().all(|e| e["outcome"] == "ok" && e["workflow"] == "kvtest" && e["targets"][0]["id"] == "kvtest"), "{entries:?}");
            entries.iter().map(|e| json!([e["change"]["call"], e["targets"][0]["name"]])).collect::<Vec<_>>()
        };
        assert_eq!(said("kv.write"), [json!(["set", "orders/1"]), json!(["swap", "orders/1"]), json!(["delete", "orders/1"])]);
        assert_eq!(said("kv.read"), [json!(["get", "orders/1"]), json!(["get", "orders/2"]), json!(["list", "orders/"])]);
        let all = of_run(&server, &run, "kv.*");
        assert_eq!((&all[0]["change"]["bytes"], &all[0]["permission"]), (&json!(34), &json!("kv:write:kvtest")));
        assert!(!Value::from(all).to_string().contains("nobody's business"));

        let run = api.run("quiet", &ops);
        assert_eq!(run["state"], "succeeded", "{run}");
        assert_eq!(of_run(&server, &run, "kv.*"), [Value::Null; 0]);
    }

    fn a_request_is_announced_and_its_end_recorded(backend: Backend) {
        let server = Server::start_with(backend, OPEN);
        let receiver = Receiver::start().unwrap();
        let api = server.api();
        api.deploy_with("caller", &json!({"grants": ["http:request"], "audit": "data_access"}));
        let url = format!("{}/path?secret=token", receiver.base());
        let run = api.run("caller", &json!({"url": url, "method": "POST", "body": "a body of sixteen"}));
        assert_eq!(run["outcome"]["output"]["status"], 200, "{run}");
        assert_eq!(receiver.received().len(), 1);
        let entries = of_run(&server, &run, "http.*");
        let actions: Vec<_> = entries.iter().map(|e| text(&e["action"])).collect();
        assert_eq!(actions, ["http.intent", "http.request"]);
        let [intent, end] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!((&intent["outcome"], &end["outcome"], &intent["targets"][0]), (&json!("ok"), &json!("ok"), &end["targets"][0]));
        assert_eq!((&end["change"]["status"], &intent["change"]["method"]), (&json!(200), &json!("POST")));
        assert_eq!(intent["targets"][1], json!({"type": "http", "id": format!("127.0.0.1:{}", receiver.port())}));
        let all = Value::from(entries).to_string();
        assert!(!all.contains("secret=token") && !all.contains("sixteen"), "{all}");

        // A server that is not there: tried, and failed.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let run = api.run("caller", &json!({"url": format!("http://127.0.0.1:{port}/")}));
        assert_eq!(run["outcome"]["output"]["error"]["kind"], "network", "{run}");
        let ends = of_run(&server, &run, "http.request");
        assert_eq!((ends.len(), &ends[0]["outcome"]), (1, &json!("error")));
    }

    fn a_request_whose_end_nobody_saw_is_unknown(backend: Backend) {
        let mut server = Server::start_with(backend, OPEN);
        // It takes the connection and says nothing.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = silent.local_addr().unwrap().port();
        server.api().deploy_with("caller", &json!({"grants": ["http:request"], "audit": "data_access"}));
        let run = server.api().begin("caller", &json!({"url": format!("http://127.0.0.1:{port}/")}));
        let (_taken, _) = silent.accept().unwrap();
        // It was on the record before the connection was.
        let seen = of_run(&server, &run, "http.intent");
        assert_eq!((seen.len(), &seen[0]["outcome"]), (1, &json!("unknown")), "{seen:?}");
        server.kill();
        server.resume().unwrap();
        let first = &seen[0]["id"];
        let shown = wait_until("the intent", || of_run(&server, &run, "http.intent").into_iter().find(|e| e["id"] == *first));
        assert_eq!(shown["outcome"], "unknown");
        let ends = of_run(&server, &run, "http.request");
        assert!(ends.iter().all(|e| e["outcome"] != "ok"), "{ends:?}");
    }
}
