//! What the made-up requests find on the server: one of each kind of thing, so that they come further than a 404. What must hold: the key
//! that the requests are made with, its account and the webhook that is called are not among what they may take away.

use std::fmt::Write as _;

use anyhow::Context as _;
use factotum_tests::Api;
use serde_json::{Value, json};

/// How often an id is one of these.
const PROBABILITY: f32 = 0.5;

/// Things with their ids.
pub struct World {
    /// The ids of what stays: the key that the requests are made with, its account, the webhook.
    pub own: Vec<String>,
    /// Of which paths, a pattern; which parameter; its value.
    things: Vec<(&'static str, &'static str, String)>,
}

impl World {
    /// Makes one of each.
    pub fn furnish(api: &Api) -> anyhow::Result<Self> {
        let own = api.get("/api/v1/me").expect(200);
        let keys = api.get("/api/v1/api-keys").expect(200);
        let mut own = vec![id(&own)?, id(&keys["items"][0])?];
        api.deploy("hello", &[]);
        // One to take away, as with it go its triggers.
        api.workflow("spare", "hello", &json!({}));
        let plugin = id(&api.get("/api/v1/plugins/hello@1.0.0").expect(200))?;
        let run = api.run("hello", &json!({}));
        // A suspended organization answers no webhook before its time is up.
        let config = json!({
            "reply": "outcome", "reply_timeout_ms": 200,
            "methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        });
        let hook = api.trigger("hello", "webhook", &config);
        // A paused webhook answers 503, rightly; this one goes on.
        own.push(id(&hook)?);
        let schedule = api.trigger("hello", "schedule", &json!({"cron": "0 0 1 1 *"}));
        let (_, key) = api.mint("spare", &["runs:read"]);
        api.put("/api/v1/secrets/spare", &json!({"value": "spare"})).expect(201);
        let token = hook["url"]
            .as_str()
            .context("a webhook has a URL")?
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let account = id(&key["service_account"])?;
        let things = vec![
            ("^/api/v1/accounts/", "path.id", account.clone()),
            ("^/api/v1/members/", "path.id", account),
            ("^/api/v1/api-keys/", "path.id", id(&key)?),
            ("^/api/v1/plugins/", "path.plugin", plugin),
            ("^/api/v1/workflows/", "path.name", "spare".to_owned()),
            ("^/api/v1/workflows/", "body.plugin", "hello@1.0.0".to_owned()),
            ("^/api/v1/triggers$", "body.workflow", "hello".to_owned()),
            ("^/api/v1/triggers/", "path.id", id(&schedule)?),
            ("^/api/v1/runs/", "path.id", id(&run)?),
            ("^/api/v1/events/", "path.id", run["event"].as_str().context("a run has an event")?.to_owned()),
            ("^/api/v1/secrets/", "path.name", "spare".to_owned()),
            ("^/hooks/", "path.token", token),
        ];
        Ok(Self { own, things })
    }

    /// The part of schemathesis.toml that names them.
    pub fn dictionaries(&self) -> String {
        let mut text = String::from("\n[dictionaries]\n");
        for (at, (_, _, value)) in self.things.iter().enumerate() {
            let _ = writeln!(text, "thing{at} = {{values = [{value:?}]}}");
        }
        for (at, (paths, parameter, _)) in self.things.iter().enumerate() {
            let _ = writeln!(
                text,
                "\n[[operations]]\ninclude-path-regex = {paths:?}\nparameters.\"{parameter}\" = {{dictionary = \"thing{at}\", probability = {PROBABILITY}}}"
            );
        }
        text
    }
}

fn id(thing: &Value) -> anyhow::Result<String> {
    Ok(thing["id"].as_str().with_context(|| format!("no id in {thing}"))?.to_owned())
}
