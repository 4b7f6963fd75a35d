//! A person at a real browser: Chromium through chromedriver (W3C WebDriver). What must hold: nothing but the pages decides what happens, as with a person; what
//! is waited for is waited for in bounded time; browser and driver end with the test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

use factotum_tests::Server;
use factotum_tests::browser::PASSWORD;

/// How long a page may take to show what is waited for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks.
const AGAIN: Duration = Duration::from_millis(50);
/// What axe-core calls these must not be found.
const SERIOUS: [&str; 2] = ["serious", "critical"];

/// How the browser is.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Its window, in CSS pixels.
    pub size: (u32, u32),
    /// Whether the person likes it dark.
    pub dark: bool,
    /// Whether scripts run.
    pub scripts: bool,
    /// In which time zone the person is.
    pub zone: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        Self { size: (1280, 900), dark: false, scripts: true, zone: "Europe/Berlin" }
    }
}

/// A browser at one server.
pub struct Chromium {
    base: String,
    runtime: tokio::runtime::Runtime,
    client: Option<Client>,
    driver: Child,
    // The browser's profile; ends after the browser.
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// A browser that is not logged in.
    #[track_caller]
    pub fn at(server: &Server) -> Self {
        Self::with(server, Look::default())
    }

    /// One that looks like this.
    #[track_caller]
    pub fn with(server: &Server, look: Look) -> Self {
        let profile = tempfile::Builder::new().prefix("factotum-chromium-").tempdir().unwrap();
        let (driver, port) = driver(look.zone);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--no-first-run".to_owned(),
            // Nobody but this machine is asked for anything.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost".to_owned(),
            "--lang=en-US".to_owned(),
            format!("--window-size={},{}", look.size.0, look.size.1),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if look.dark {
            arguments.push("--force-dark-mode".to_owned());
        }
        let scripts = if look.scripts { 1 } else { 2 };
        let options = json!({
            "args": arguments,
            "prefs": {"profile.managed_default_content_settings.javascript": scripts},
        });
        let wanted = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let connected = runtime.block_on(
            ClientBuilder::new(connector)
                .capabilities(wanted.as_object().unwrap().clone())
                .connect(&format!("http://127.0.0.1:{port}")),
        );
        let client = connected.unwrap_or_else(|e| panic!("no browser: {e}"));
        let own = Self { base: server.base(), runtime, client: Some(client), driver, _profile: profile };
        let (width, height) = look.size;
        own.now(own.client().set_window_size(width, height));
        own
    }

    /// A browser in which this person has logged in, through the page.
    #[track_caller]
    pub fn of(server: &Server, email: &str) -> Self {
        let browser = Self::at(server);
        browser.log_in(email);
        browser
    }

    /// Logs in through the page.
    #[track_caller]
    pub fn log_in(&self, email: &str) {
        self.go("/login");
        self.fill("[name=email]", email);
        self.fill("[name=password]", PASSWORD);
        self.click("main form button");
        self.wait("the page after the log-in", || (!self.path().starts_with("/login")).then_some(()));
    }

    fn client(&self) -> &Client {
        self.client.as_ref().expect("open until it is dropped")
    }

    #[track_caller]
    fn now<T>(&self, action: impl Future<Output = Result<T, CmdError>>) -> T {
        self.runtime.block_on(action).unwrap_or_else(|e| panic!("{e}\n{}", self.said()))
    }

    /// What to show when something is not as it should be.
    fn said(&self) -> String {
        let url = self.runtime.block_on(self.client().current_url()).map(String::from).unwrap_or_default();
        let source = self.runtime.block_on(self.client().source()).unwrap_or_default();
        format!("at {url}:\n{source}")
    }

    /// Opens a path of the server.
    #[track_caller]
    pub fn go(&self, path: &str) {
        self.open(&format!("{}{path}", self.base));
    }

    /// Opens an address.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.now(self.client().goto(url));
    }

    /// Where it is, with its query.
    #[track_caller]
    pub fn path(&self) -> String {
        let url = self.now(self.client().current_url());
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    /// Looks until there is something.
    #[track_caller]
    pub fn wait<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited for {what} in vain, {}", self.said());
            std::thread::sleep(AGAIN);
        }
    }

    /// Does something with an element, once it is there. One that goes with its page meanwhile is looked for again, as a person would.
    #[track_caller]
    fn act<T>(
        &self,
        what: &str,
        locator: Locator<'_>,
        action: impl AsyncFn(Element) -> Result<T, CmdError>,
    ) -> T {
        let done = self.wait(what, || {
            self.runtime.block_on(async {
                let element = self.client().find(locator).await.ok()?;
                match action(element).await {
                    Err(error) if error.is_stale_element_reference() => None,
                    done => Some(done),
                }
            })
        });
        done.unwrap_or_else(|e| panic!("{what}: {e}\n{}", self.said()))
    }

    #[track_caller]
    fn act_on<T>(&self, css: &str, action: impl AsyncFn(Element) -> Result<T, CmdError>) -> T {
        self.act(css, Locator::Css(css), action)
    }

    /// How many elements there are now.
    #[track_caller]
    pub fn count(&self, css: &str) -> usize {
        self.now(self.client().find_all(Locator::Css(css))).len()
    }

    /// Clicks an element, once it is there.
    #[track_caller]
    pub fn click(&self, css: &str) {
        self.act_on(css, async |element| element.click().await);
    }

    /// Clicks the link or button with these words.
    #[track_caller]
    pub fn press(&self, words: &str) {
        let path = format!("//*[self::a or self::button or self::summary][normalize-space()=\"{words}\"]");
        self.act(words, Locator::XPath(&path), async |element| element.click().await);
    }

    /// Types into a field, in the place of what is in it.
    #[track_caller]
    pub fn fill(&self, css: &str, text: &str) {
        self.act_on(css, async |element| {
            element.clear().await?;
            element.send_keys(text).await
        });
    }

    /// Chooses a file, as by the dialog of its field.
    #[track_caller]
    pub fn attach(&self, css: &str, file: &std::path::Path) {
        let file = file.display().to_string();
        self.act_on(css, async |element| element.send_keys(&file).await);
    }

    /// What stands in a field now.
    #[track_caller]
    pub fn value(&self, css: &str) -> String {
        self.act_on(css, async |element| element.prop("value").await).unwrap_or_default()
    }

    /// Waits until the path is this, whatever its query.
    #[track_caller]
    pub fn is_at(&self, path: &str) {
        self.wait(path, || (self.path().split('?').next() == Some(path)).then_some(()));
    }

    /// Sends keys to whatever has the focus.
    #[track_caller]
    pub fn keys(&self, keys: &str) {
        self.now(async {
            let element = self.client().active_element().await?;
            element.send_keys(keys).await
        });
    }

    /// Chooses an option of a `select` by its value.
    #[track_caller]
    pub fn choose(&self, css: &str, value: &str) {
        self.act_on(css, async |element| element.select_by_value(value).await);
    }

    /// The visible text of an element, once it is there.
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        self.act_on(css, async |element| element.text().await)
    }

    /// An attribute of an element, once it is there.
    #[track_caller]
    pub fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.act_on(css, async |element| element.attr(name).await)
    }

    /// Waits until the visible text of the page has these words.
    #[track_caller]
    pub fn sees(&self, words: &str) {
        let seen =
            || self.runtime.block_on(async { self.client().find(Locator::Css("body")).await?.text().await });
        self.wait(&format!("`{words}`"), || seen().is_ok_and(|text| text.contains(words)).then_some(()));
    }

    /// What a script gives.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &[Value]) -> Value {
        self.now(self.client().execute(script, arguments.to_vec()))
    }

    /// What a script gives to the function that is its last argument.
    #[track_caller]
    pub fn run_async(&self, script: &str, arguments: &[Value]) -> Value {
        self.now(self.client().execute_async(script, arguments.to_vec()))
    }

    /// The cookies as the driver sees them: also those that no script may read.
    #[track_caller]
    pub fn cookies(&self) -> Vec<fantoccini::cookies::Cookie<'static>> {
        self.now(self.client().get_all_cookies())
    }

    /// The page as a person sees it. Written to `docs/console/NAME.png` where `UPDATE_DOCS` is set.
    #[track_caller]
    pub fn screenshot(&self, name: &str) {
        let png = self.now(self.client().screenshot());
        assert!(png.starts_with(b"\x89PNG"), "no picture of {name}");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/console");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
        }
    }

    /// What axe-core finds on the page that keeps people out, as lines; empty where all is well.
    #[track_caller]
    pub fn barriers(&self) -> Vec<String> {
        let axe = std::fs::read_to_string(packages().join("node_modules/axe-core/axe.min.js")).unwrap();
        self.run(&axe, &[]);
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, {resultTypes: ['violations']}).then(found => done(found.violations), e => done(String(e)));";
        let found = self.now(self.client().execute_async(script, Vec::new()));
        let found = found.as_array().unwrap_or_else(|| panic!("axe: {found}"));
        let serious = found.iter().filter(|one| SERIOUS.iter().any(|word| one["impact"] == *word));
        let nodes = |one: &Value| {
            let nodes = one["nodes"].as_array().into_iter().flatten();
            nodes
                .map(|node| format!("{}: {}", node["target"], node["failureSummary"]))
                .collect::<Vec<_>>()
                .join("; ")
        };
        serious.map(|one| format!("{} {}: {}", one["id"], one["help"], nodes(one))).collect()
    }

    /// A page as it must be: no barrier, no horizontal scrolling, no refused script or style; its picture goes into the documentation.
    #[track_caller]
    pub fn is_fine(&self, name: &str) {
        assert_eq!(self.barriers(), Vec::<String>::new(), "{name}");
        let wider = self
            .run("return document.documentElement.scrollWidth - document.documentElement.clientWidth", &[]);
        assert_eq!(wider, json!(0), "{name} is wider than its window");
        let refused = self.complaints();
        assert!(refused.is_empty(), "{name}: {refused:?}");
        self.screenshot(name);
    }

    /// All that the browser's own log has got since it was read last.
    #[track_caller]
    pub fn log(&self) -> Vec<String> {
        let log = self.now(self.client().issue_cmd(Log));
        log.as_array().into_iter().flatten().map(|one| one["message"].to_string()).collect()
    }

    /// What the browser's own log says that is an error: refused by the policy, not found, broken scripts.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let log = self.now(self.client().issue_cmd(Log));
        let entries = log.as_array().cloned().unwrap_or_default();
        // A refusal that is a page of its own is what was asked for.
        let own = |one: &&Value| {
            let words = one["message"].as_str().unwrap_or_default();
            words.contains(" - Failed to load resource") && !words.contains("/assets/")
        };
        let severe = entries.iter().filter(|one| one["level"] == "SEVERE").filter(|one| !own(one));
        severe.map(|one| one["message"].to_string()).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // A browser that is gone already is what is wanted.
            let _ = self.runtime.block_on(client.close());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// chromedriver's own command for the browser's log.
#[derive(Debug)]
struct Log;

impl fantoccini::wd::WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

/// Where `cargo xtask test` has axe-core installed: `target/console`.
fn packages() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let found =
        own.ancestors().map(|folder| folder.join("console")).find(|f| f.join("node_modules").is_dir());
    found.expect("axe-core is not installed: run `cargo xtask console`")
}

/// A driver on a port of its own choice. It takes one that is free on IPv4 and ends where another program has that port on
/// IPv6: then one is started again.
#[track_caller]
fn driver(zone: &str) -> (Child, u16) {
    let mut said = String::new();
    for _ in 0..5 {
        match started_driver(zone) {
            Ok(started) => return started,
            Err(why) => said = why,
        }
    }
    panic!("chromedriver said no port, but: {said}");
}

/// A driver that has said its port, or what it said before it ended.
fn started_driver(zone: &str) -> Result<(Child, u16), String> {
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .env("TZ", zone)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("chromedriver runs: `cargo xtask console` installs it");
    let mut lines = BufReader::new(driver.stdout.take().unwrap());
    let mut errors = driver.stderr.take().unwrap();
    let (mut line, mut said) = (String::new(), String::new());
    while lines.read_line(&mut line).unwrap() > 0 {
        // "ChromeDriver was started successfully on port 41234."
        if let Some((_, port)) = line.split_once("successfully on port ") {
            let port = port.trim().trim_end_matches('.').parse().unwrap();
            // It goes on to write; nobody has to read it.
            std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
            std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
            return Ok((driver, port));
        }
        said.push_str(&line);
        line.clear();
    }
    // What it wrote last may not be text; why it ended is in what is.
    let _ = errors.read_to_string(&mut said);
    let ended = driver.wait().unwrap();
    Err(format!("{ended}: {said}"))
}
