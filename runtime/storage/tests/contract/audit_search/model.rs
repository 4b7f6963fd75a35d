//! A plain model of the search of the trail, and entries that look like anything. What must hold: it shares no code with the search.

use std::net::IpAddr;
use std::time::Duration;

use factotum_model::audit::{AuditEntry, AuditInitiator, AuditOutcome, Credential, Target};
use factotum_model::{
    AccountId, AccountKind, AuditId, InitiatorKind, KeyId, OrgId, Principal, RequestId, RunId, Timestamp,
    TriggerId,
};
use factotum_storage::audit_entries::AuditFilter;

/// Numbers that look random and are the same in each run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    pub fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

/// What entries are made of: few values, so that filters meet.
pub struct Cast {
    pub actors: Vec<Principal>,
    pub keys: Vec<KeyId>,
    pub triggers: Vec<TriggerId>,
    pub runs: Vec<RunId>,
    pub addresses: Vec<IpAddr>,
}

pub const ACTIONS: [&str; 7] = [
    "event.accept",
    "event.accept",
    "event.accept",
    "run.succeed",
    "run.fail",
    "api_key.create",
    "api_key.revoke",
];
/// Terms of the person who is erased.
pub const TERMS: [&str; 3] = ["wwilhelmina", "wquist", "i198.51.100.9"];
pub const NAMES: [&str; 5] = ["Ada Lovelace", "État civil", "build bot", "ΣΊΣΥΦΟΣ", "日本 語"];
pub const REASONS: [&str; 4] =
    ["forbidden: no grant", "timeout after 30s", "invalid_field: nickname", "run-away loop"];

impl Cast {
    pub fn new() -> Self {
        let kinds = [
            AccountKind::Base,
            AccountKind::ApiKey,
            AccountKind::ApiKey,
            AccountKind::Member,
            AccountKind::Member,
        ];
        let actors = kinds.iter().zip(NAMES);
        Self {
            actors: actors
                .map(|(kind, name)| Principal { id: AccountId::random(), kind: *kind, name: name.into() })
                .collect(),
            keys: (0..3).map(|_| KeyId::random()).collect(),
            triggers: (0..3).map(|_| TriggerId::random()).collect(),
            runs: (0..40).map(|_| RunId::random()).collect(),
            addresses: ["203.0.113.7", "::ffff:203.0.113.8", "2001:db8::1"]
                .map(|ip| ip.parse().unwrap())
                .to_vec(),
        }
    }

    /// An entry whose id is, now and then, minutes older than those before it.
    pub fn entry(&self, dice: &mut Dice, org: OrgId, at: Timestamp) -> AuditEntry {
        let actor = dice.one(&self.actors);
        let outcome = dice.one(&[
            AuditOutcome::Ok,
            AuditOutcome::Ok,
            AuditOutcome::Ok,
            AuditOutcome::Denied,
            AuditOutcome::Error,
        ]);
        let initiator = AuditInitiator {
            kind: InitiatorKind::Webhook,
            trigger_id: (dice.roll(2) == 0).then(|| dice.one(&self.triggers)),
            external_ref: (dice.roll(3) == 0).then(|| format!("delivery-{}", dice.roll(500))),
        };
        let late =
            if dice.roll(50) == 0 { Duration::from_secs(dice.roll(300) as u64) } else { Duration::ZERO };
        let at = Timestamp::from_micros(at.as_micros() - late.as_micros() as i64);
        let mut entry = AuditEntry::new(org, at, dice.one(&ACTIONS), outcome, actor.clone(), initiator);
        let mut random = [0; 10];
        for byte in &mut random {
            *byte = dice.roll(256) as u8;
        }
        entry.id = AuditId::from_parts(at, random);
        entry.reason = (outcome != AuditOutcome::Ok).then(|| dice.one(&REASONS).to_owned());
        if actor.kind == AccountKind::ApiKey {
            entry.credential =
                Some(Credential { key_id: dice.one(&self.keys), prefix: "fct_abcdefgh".into() });
        }
        entry.ip = (dice.roll(2) == 0).then(|| dice.one(&self.addresses));
        entry.run_id = (dice.roll(3) > 0).then(|| dice.one(&self.runs));
        entry.workflow = (dice.roll(2) == 0).then(|| format!("orders-{}", dice.roll(4)));
        entry.request_id = (dice.roll(2) == 0).then(RequestId::random);
        entry.user_agent = (dice.roll(4) == 0).then(|| "curl/8.5.0".to_owned());
        if let Some(run) = entry.run_id {
            entry.targets.push(Target::new("run", run));
        }
        if dice.roll(2) == 0 {
            entry.targets.push(Target::named(
                "workflow",
                format!("wfl_{}", dice.roll(5)),
                "Intake of orders",
            ));
        }
        if dice.roll(20) == 0 {
            entry.targets.push(Target::new("run", dice.one(&self.runs)));
        }
        if dice.roll(200) == 0 {
            entry.change = Some(serde_json::json!({"after": {"grants": ["kv:read", "needle"], "limit": 77}}));
        }
        entry
    }

    pub fn filter(&self, dice: &mut Dice, all: &[AuditEntry]) -> AuditFilter {
        let mut filter = AuditFilter::default();
        for _ in 0..=dice.roll(3) {
            match dice.roll(13) {
                0 => filter.actor_kinds = vec![AccountKind::Base, AccountKind::ApiKey],
                1 => filter.actor_kinds = vec![AccountKind::Member],
                2 => filter.account = Some(dice.one(&self.actors).id),
                3 => filter.key = Some(dice.one(&self.keys)),
                4 => {
                    filter.action = Some(
                        dice.one(&[
                            "event.accept",
                            "run.fail",
                            "api_key.*",
                            "run.*",
                            "*",
                            "event",
                            "none.such",
                        ])
                        .into(),
                    );
                }
                5 => {
                    filter.outcome =
                        Some(dice.one(&[AuditOutcome::Ok, AuditOutcome::Denied, AuditOutcome::Error]));
                }
                6 => filter.target = Some(format!("wfl_{}", dice.roll(6))),
                7 => filter.target = Some(dice.one(&self.runs).to_string()),
                8 => filter.trigger = Some(dice.one(&self.triggers)),
                9 if dice.roll(3) == 0 => filter.run = Some(dice.one(&self.runs)),
                10 => filter.address = Some(dice.one(&self.addresses)),
                11 => {
                    let bound = all[dice.roll(all.len())].at;
                    if dice.roll(2) == 0 { filter.since = Some(bound) } else { filter.until = Some(bound) }
                }
                _ => {
                    let texts = [
                        "ada",
                        "ADA love",
                        "état",
                        "Éta",
                        "σίσυφος",
                        "日",
                        "30s",
                        "deliv",
                        "delivery 7",
                        "needle",
                        "needle 77",
                        "0",
                        "o",
                        "orders 1 workflow",
                        "grant forbid",
                        "203",
                        "fct_abc",
                        "xyzzy",
                        "curl 8",
                        "kv:re",
                        "in of inta",
                    ];
                    filter.text = Some(dice.one(&texts).into());
                }
            }
        }
        filter
    }
}

/// Every text of an entry that is searched, from its published form.
fn texts(entry: &AuditEntry) -> Vec<String> {
    fn leaves(value: &serde_json::Value, into: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                into.push(name.clone());
                leaves(value, into);
            }),
            serde_json::Value::Array(values) => values.iter().for_each(|value| leaves(value, into)),
            serde_json::Value::String(text) => into.push(text.clone()),
            serde_json::Value::Null => {}
            other => into.push(other.to_string()),
        }
    }
    let whole = serde_json::to_value(entry).unwrap();
    let mut all = Vec::new();
    for field in ["action", "reason", "workflow", "permission", "user_agent", "request_id"] {
        all.extend(whole[field].as_str().map(ToOwned::to_owned));
    }
    for pointer in ["/actor/name", "/credential/prefix", "/initiator/external_ref"] {
        all.extend(whole.pointer(pointer).and_then(|value| value.as_str()).map(ToOwned::to_owned));
    }
    for target in &entry.targets {
        all.push(target.kind.clone());
        all.extend(target.name.clone());
        // A run's own entries are found by the filter for runs.
        all.extend(
            Some(target.id.clone()).filter(|id| entry.run_id.map(|run| run.to_string()).as_ref() != Some(id)),
        );
    }
    if let Some(change) = whole.get("change") {
        leaves(change, &mut all);
    }
    all
}

fn cut(text: &str) -> Vec<String> {
    let spaced: String = text.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    spaced
        .to_lowercase()
        .replace('ς', "σ")
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

/// Whether the model takes the entry.
pub fn takes(filter: &AuditFilter, entry: &AuditEntry) -> bool {
    let canonical = |ip: IpAddr| match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    let mut all = vec![
        filter.actor_kinds.is_empty() || filter.actor_kinds.contains(&entry.actor.kind),
        filter.account.is_none() || filter.account == Some(entry.actor.id),
        filter.key.is_none() || filter.key == entry.credential.as_ref().map(|credential| credential.key_id),
        filter.outcome.is_none() || filter.outcome == Some(entry.outcome),
        filter.trigger.is_none() || filter.trigger == entry.initiator.trigger_id,
        filter.run.is_none() || filter.run == entry.run_id,
        filter.address.is_none() || filter.address.map(canonical) == entry.ip.map(canonical),
        filter.since.is_none_or(|at| at <= entry.at),
        filter.until.is_none_or(|at| at > entry.at),
    ];
    if let Some(action) = &filter.action {
        all.push(match action.split_once('*') {
            Some((start, _)) => entry.action.starts_with(start),
            None => entry.action == *action,
        });
    }
    if let Some(target) = &filter.target {
        all.push(entry.targets.iter().any(|t| t.id == *target));
    }
    if let Some(text) = &filter.text {
        let has: Vec<String> = texts(entry).iter().flat_map(|text| cut(text)).collect();
        let mut wanted = cut(text);
        let last = wanted.pop().unwrap();
        all.push(
            wanted.iter().all(|word| has.contains(word)) && has.iter().any(|word| word.starts_with(&last)),
        );
    }
    all.into_iter().all(|holds| holds)
}
