//! The OpenAPI 3.1 document, generated from the table of routes. What must hold: it lists what the router serves, no more and no less, and
//! every status an operation may answer with (`cargo xtask schemathesis` compares it with the running program).

mod problems;

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::endpoint::{BodyKind, Endpoint, Needs};
use super::form::Form;
use super::idempotency::MAX_KEY_BYTES;
use super::problem::ProblemBody;
use super::session::COOKIE_NAME;

/// The methods of a path that takes any: those a webhook can be set to.
const ANY_METHOD: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The document for these endpoints. What many of them share stands once, under `components`.
pub fn document(endpoints: &[Endpoint]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut schemas = settings.into_generator();
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    let mut refusals = BTreeMap::new();
    for endpoint in endpoints {
        // OpenAPI has no wildcard: the rest of a path is one parameter.
        let path = endpoint.path.replace("{*", "{");
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        let stated = endpoint.method.as_str().to_ascii_lowercase();
        let mut operation = operation(endpoint, &mut schemas, &mut refusals);
        for other in ANY_METHOD.iter().filter(|other| endpoint.any_method && **other != stated) {
            methods[*other] = operation.clone();
            methods[*other]["operationId"] = format!("{}By{}", endpoint.id, capital(other)).into();
            if *other == "head" {
                // RFC 9110 §9.3.2: a body has no meaning there.
                methods[*other].as_object_mut().map(|o| o.remove("requestBody"));
            }
        }
        methods[stated] = operation.take();
    }
    schemas.subschema_for::<ProblemBody<'_>>();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Factotum",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Automated workflows with a known actor, a limited authority, and a record",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "fct_…"},
                "session": {
                    "type": "apiKey", "in": "cookie", "name": COOKIE_NAME,
                    "description": "a member's log-in; changes something only from this server's own pages",
                },
            },
        },
    });
    document["components"]["headers"] = problems::headers();
    document["components"]["responses"] = json!(refusals);
    document["components"]["parameters"] = json!({"IdempotencyKey": idempotency_key()});
    document["components"]["schemas"] = Value::Object(schemas.take_definitions(true));
    document
}

fn operation(
    endpoint: &Endpoint,
    schemas: &mut SchemaGenerator,
    refusals: &mut BTreeMap<String, Value>,
) -> Value {
    let mut operation = json!({
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "parameters": parameters(endpoint),
        "responses": responses(endpoint, schemas, refusals),
    });
    if let Some(body) = endpoint.body {
        operation["requestBody"] =
            json!({"required": !endpoint.body_optional, "content": content(body, schemas)});
    }
    if !endpoint.or_needs.is_empty() {
        let cases = endpoint.or_needs.iter().map(|(grant, when)| format!("`{grant}` instead {when}"));
        let needed = match endpoint.needs {
            Needs::Grant(action) | Needs::GrantOrPrincipal(action) => format!("`{action}`"),
            Needs::Account | Needs::Session | Needs::Nothing => "no grant".to_owned(),
        };
        let cases = cases.collect::<Vec<_>>().join(", ");
        operation["description"] = format!("Needs {needed}; {cases}.").into();
    }
    operation["security"] = match endpoint.needs {
        Needs::Nothing => json!([]),
        Needs::Session => json!([{"session": []}]),
        Needs::Account => json!([{"key": []}, {"session": []}]),
        Needs::Grant(action) | Needs::GrantOrPrincipal(action) => {
            let actions = std::iter::once(action).chain(endpoint.or_needs.iter().map(|(action, _)| *action));
            actions.flat_map(|a| ["key", "session"].map(|scheme| json!({scheme: [a.to_string()]}))).collect()
        }
    };
    operation
}

fn parameters(endpoint: &Endpoint) -> Vec<Value> {
    let in_path = endpoint.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let mut parameters: Vec<Value> = in_path
        .map(|name| name.trim_start_matches('*'))
        .map(|name| {
            let schema = Form::in_path(endpoint.path, name).schema();
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    for parameter in &endpoint.query {
        parameters.push(json!({
            "name": parameter.name, "in": "query", "description": parameter.what,
            "required": parameter.required, "schema": parameter.form.schema(),
        }));
    }
    // A log-in is not repeated, and what it or a second factor is answered with is not kept.
    let repeatable = !matches!(endpoint.needs, Needs::Nothing | Needs::Session);
    if endpoint.method == http::Method::POST && endpoint.path.starts_with("/api/") && repeatable {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    parameters
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "schema": Form::Visible(MAX_KEY_BYTES).schema(),
        "description": "the same key with the same body is done once and answered alike for 24 hours",
    })
}

fn responses(
    endpoint: &Endpoint,
    schemas: &mut SchemaGenerator,
    refusals: &mut BTreeMap<String, Value>,
) -> BTreeMap<String, Value> {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in &endpoint.answers {
        let first = json!({"description": answer.what, "headers": {"X-Request-Id": problems::request_id()}});
        let response = responses.entry(answer.status.to_string()).or_insert(first);
        // One status may come in several content types.
        if let Some(Value::Object(more)) = answer.body.map(|body| content(body, schemas)) {
            for (content_type, of) in more {
                response["content"][content_type] = of;
            }
        }
    }
    for (status, problem) in problems::of(endpoint) {
        responses.entry(status.to_string()).or_insert_with(|| {
            let reference = json!({"$ref": format!("#/components/responses/{}", problem.name)});
            refusals.entry(problem.name).or_insert_with(|| problems::response(status, &problem.what));
            reference
        });
    }
    responses
}

fn capital(method: &str) -> String {
    method.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(method.chars().skip(1)).collect()
}

fn content(body: BodyKind, schemas: &mut SchemaGenerator) -> Value {
    match body {
        BodyKind::Json(make) => json!({"application/json": {"schema": make(schemas)}}),
        BodyKind::Raw(content_type) => {
            let mut content = json!({});
            // What may be of any type may be JSON too, of any form.
            let any = content_type == "*/*";
            let schema = if any { json!({}) } else { json!({"type": "string", "format": "binary"}) };
            content[content_type] = json!({"schema": schema});
            content
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes;

    #[test]
    fn the_document_is_as_published() {
        insta::assert_json_snapshot!(document(&routes::all().endpoints));
    }

    /// docs/permissions.md is this table: a route that is added without a word on who may use it does not pass.
    #[test]
    fn the_table_of_permissions_in_the_docs_is_that_of_the_code() {
        let mut table = String::from(
            "# Which request needs which grant\n\nMade from the table of routes (`cargo test -p factotum-server` compares; `UPDATE_DOCS=1` writes it).\n\n| request | needs |\n|---|---|\n",
        );
        for endpoint in routes::all().endpoints {
            let needs = match endpoint.needs {
                Needs::Nothing => "nothing".to_owned(),
                Needs::Account => "any valid key or session".to_owned(),
                Needs::Session => "a session of one's own, no key".to_owned(),
                Needs::Grant(action) => format!("`{action}`"),
                Needs::GrantOrPrincipal(action) => format!("`{action}`, or to be the run's principal"),
            };
            let cases = endpoint.or_needs.iter().map(|(grant, when)| format!("; `{grant}` instead {when}"));
            let needs = needs + &cases.collect::<String>();
            table.extend(["| `", endpoint.method.as_str(), " ", endpoint.path, "` | ", &needs, " |\n"]);
        }
        table += "\nBeside these: `PUT /workflows/{name}` needs every grant that the workflow gets; \
            making a trigger, or changing its configuration, needs every grant of its workflow; making or rotating a key needs every grant of the key. \
            A run has the grants of its principal that its workflow declares, and no others.\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/permissions.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &table).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            table,
            "run with UPDATE_DOCS=1 and look at the difference"
        );
    }

    #[test]
    fn operation_ids_are_unique_and_every_reference_leads_somewhere() {
        let endpoints = routes::all().endpoints;
        let mut ids: Vec<_> = endpoints.iter().map(|e| e.id).collect();
        ids.sort_unstable();
        let before = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), before);
        let document = document(&endpoints);
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
        }
    }
}
