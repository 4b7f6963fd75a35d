//! Client certificates, pinned by webhooks: over the program's own TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use factotum_tests::postgres::free_port;
use factotum_tests::{Backend, Server, guest, wait_until};
use rcgen::{CertifiedKey, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn fingerprint(of: &CertifiedKey<KeyPair>) -> String {
    hex::encode(<sha2::Sha256 as sha2::Digest>::digest(of.cert.der()))
}

/// The program over TLS, which dies with its value.
struct Node {
    child: Child,
    port: u16,
    key: String,
    authority: CertificateDer<'static>,
    _folder: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Node {
    fn start() -> Self {
        let (folder, own) = (tempfile::tempdir().unwrap(), certificate());
        let place = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(place("cert.pem"), own.cert.pem()).unwrap();
        std::fs::write(place("key.pem"), own.signing_key.serialize_pem()).unwrap();
        let program = || {
            let mut command = Command::new(factotum_tests::server::program().unwrap());
            command.current_dir(folder.path()).stdout(Stdio::piped()).stdin(Stdio::piped());
            command
        };
        let data = place("data");
        let mut command = program();
        command.args(["admin", "bootstrap", "--data", &data, "--org", "Test", "--email", "a@example.com"]);
        let mut bootstrap = command.args(["--password-stdin", "--api-key", "tests"]).spawn().unwrap();
        bootstrap.stdin.take().unwrap().write_all(b"correct horse battery staple\n").unwrap();
        let key = String::from_utf8(bootstrap.wait_with_output().unwrap().stdout).unwrap().trim().to_owned();
        let port = free_port().unwrap();
        let log = std::fs::File::create(place("log")).unwrap();
        let mut command = program();
        command.args([
            "serve",
            "--data",
            &data,
            "--smtp-listen",
            "off",
            "--listen",
            &format!("127.0.0.1:{port}"),
        ]);
        command.args(["--tls-cert", &place("cert.pem"), "--tls-key", &place("key.pem")]).stdout(log);
        let child = command.spawn().unwrap();
        let node = Self { child, port, key, authority: own.cert.der().clone(), _folder: folder };
        wait_until("the server over TLS", || {
            node.try_send("GET", "/readyz", None, &[], b"").filter(|(status, _)| *status == 200).map(drop)
        });
        node
    }

    /// One request on a connection of its own, with a client certificate or without.
    fn try_send(
        &self,
        method: &str,
        path: &str,
        shows: Option<&CertifiedKey<KeyPair>>,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Option<(u16, Value)> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match shows {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
                builder.with_client_auth_cert(vec![own.cert.der().clone()], key).unwrap()
            }
        };
        let name = "localhost".try_into().unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", self.port)).ok()?);
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            request.extend([*name, ": ", *value, "\r\n"]);
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        // Some peers end without a word of TLS.
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.get(9..12)?.parse().ok()?;
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    fn api(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        self.try_send(method, path, None, &headers, body).unwrap()
    }
}

#[test]
fn a_pinned_certificate_is_asked_for_and_no_other_will_do() {
    let (pinned, other) = (certificate(), certificate());
    let config = json!({"client_certificates": [fingerprint(&pinned)]});
    let new = json!({"workflow": "echo", "kind": "webhook", "config": config});
    // Without TLS of its own a server never sees one, and says so.
    let plain = Server::start(Backend::Sqlite);
    plain.api().deploy("echo", &[]);
    let problem = plain.api().post("/api/v1/triggers", &new).expect_problem(422, "invalid_field");
    assert!(problem.to_string().contains("tls-cert"), "{problem}");

    let node = Node::start();
    let json = "application/json";
    let wasm = guest::wasm("echo").unwrap();
    let uploaded = node.api("POST", "/api/v1/plugins?name=echo&version=1.0.0", "application/wasm", &wasm);
    assert_eq!(uploaded.0, 201, "{uploaded:?}");
    let workflow = json!({"plugin": "echo@1.0.0", "grants": []}).to_string();
    let put = node.api("PUT", "/api/v1/workflows/echo", json, workflow.as_bytes());
    assert!(matches!(put.0, 200 | 201), "{put:?}");
    let (status, made) = node.api("POST", "/api/v1/triggers", json, new.to_string().as_bytes());
    assert_eq!(status, 201, "{made}");
    let url = made["url"].as_str().unwrap();
    assert!(url.starts_with("https://"), "{url}");
    let path = &url[url.find("/hooks/").unwrap()..];
    let send = |shows| node.try_send("POST", path, shows, &[("content-type", json)], b"{}").unwrap();
    assert_eq!(send(Some(&pinned)).0, 202);
    for (shows, code) in [(Some(&other), "client_certificate_unknown"), (None, "client_certificate_missing")]
    {
        let (status, problem) = send(shows);
        assert_eq!((status, &problem["code"]), (403, &json!(code)), "{problem}");
    }
    let filter = format!("/api/v1/audit?action=event.reject&trigger={}", made["id"].as_str().unwrap());
    let (_, entries) = node.api("GET", &filter, json, b"");
    assert_eq!(entries["items"].as_array().map(Vec::len), Some(2), "{entries}");
    // Nobody else is kept out by the question.
    assert_eq!(node.api("GET", "/api/v1/me", json, b"").0, 200);
}
