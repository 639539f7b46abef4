//! `tbpki report`, seen in a real browser.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use tbpki_tests::Sandbox;
use tbpki_tests::browser::{Browser, Look};
use tbpki_tests::forge::{Forged, forge, forge_job};

/// A name that would be visible as an image if the page took names for markup.
const MARKUP: &str = "<img src=x onerror=alert(1)>";

/// A name that would end the page's data and run, if data could.
const SCRIPT: &str = "</script><script>alert(2)</script><!--\u{2028}";

/// A name that would be shown in another order.
const TURNED: &str = "لوحة\u{202e}gnp";

/// A fleet with everything in it that the page shows.
fn fleet() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "out"]);
    let pumps = (1..=230).map(|number| {
        let pump = Forged::new(format!("pump-{number}")).days(400 + number);
        match number % 4 {
            0 => pump.state("registered"),
            1 => pump,
            _ => pump.state("bundled"),
        }
    });
    let others = [
        Forged::new("valve-1").error("valve-1: the platform does not answer: status 503"),
        Forged::new("valve-2").error("valve-2: the platform does not answer: status 503"),
        Forged::new("valve-3").error(format!("valve-3: {SCRIPT}")),
        Forged::new(MARKUP).days(-4).state("registered"),
        Forged::new("valve-5").days(20).bundled_only(),
        Forged::new("valve-6").days(60),
        Forged::new("valve-7").state("revoked").error("stolen"),
        Forged::new("valve-8").state("intended"),
        Forged::new("valve-9").state("void").error("interrupted"),
        Forged::new(TURNED).days(70),
    ];
    forge(&sandbox.join("pki/ledger.db"), pumps.chain(others));
    sandbox
}

/// The page about a fleet, and the messages of the verb.
#[track_caller]
fn report(sandbox: &Sandbox) -> Value {
    let report = ["report", "--out", "report.html", "--title", "Acme & Sons <pumps>", "--json"];
    // The rule for renewals decides what is marked.
    sandbox.tbpki(report).env("TBPKI_RENEWAL_BEFORE", "90").run().ok().json()["result"].take()
}

#[track_caller]
fn open(sandbox: &Sandbox, look: Look) -> Browser {
    let browser = Browser::start(look);
    browser.open(&sandbox.join("report.html"));
    browser
}

/// The names in the table, as they are shown.
#[track_caller]
fn shown(browser: &Browser) -> Vec<String> {
    let names = browser.run("return [...document.querySelectorAll('#found .name')].map((name) => name.innerText)");
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn number(browser: &Browser, id: &str) -> u64 {
    let text = browser.text(&format!("return document.getElementById('{id}').innerText"));
    text.replace(',', "").parse().unwrap_or_else(|_| panic!("{id} is {text}"))
}

#[test]
fn the_figures_are_those_of_the_ledger() {
    let sandbox = fleet();
    let said = report(&sandbox);
    let list = |conditions: &[&str]| -> u64 {
        let line = ["list", "--kind", "device", "--json"];
        let listed = sandbox.ok(line.iter().chain(conditions)).json();
        listed["result"]["identities"].as_array().unwrap().len() as u64
    };
    let browser = open(&sandbox, Look::DESK);
    let mut expected = BTreeMap::from([("devices", list(&[])), ("failed", list(&["--failed"]))]);
    let usable = list(&["--state", "issued,registered,bundled"]);
    expected.insert("registered", usable - list(&["--unregistered"]));
    expected.insert("bundled", usable - list(&["--unbundled"]));
    let (ended, soon) = (list(&["--expiring-within", "0"]), list(&["--expiring-within", "90d"]));
    expected.insert("expired", ended);
    expected.insert("due", soon - ended);
    assert_eq!((usable, expected["failed"], ended, soon), (237, 3, 1, 4));
    for (what, count) in &expected {
        assert_eq!(number(&browser, &format!("total-{what}")), *count, "{what}");
        assert_eq!(said["fleet"][what], *count, "{what}");
    }
    assert_eq!(said["fleet"]["expiring_within_90_days"], soon - ended);
    // The last third of the lifetime, without a rule of the user.
    let of_third = sandbox.ok(["report", "--out", "other.html", "--json"]).json()["result"]["fleet"].clone();
    assert_eq!((&of_third["due"], &of_third["expiring_within_90_days"]), (&json!(0), &json!(3)));
    for state in ["intended", "issued", "registered", "bundled", "revoked"] {
        let listed = sandbox.ok(["list", "--kind", "device", "--state", state, "--json"]).json();
        let identities = listed["result"]["identities"].as_array().unwrap();
        // `--state` finds a device that is registered and bundled by both; the report counts it once, by its last state.
        let count = identities.iter().filter(|identity| identity["state"] == state).count() as u64;
        assert_eq!(number(&browser, &format!("state-{state}")), count, "{state}");
        assert_eq!(said["fleet"]["states"][state], count, "{state}");
    }
    // Everything that has an end is in the table of the years, or has ended.
    let sum = "return [...document.querySelectorAll('.chart')].map((chart) => \
               [...chart.querySelectorAll('td')].reduce((sum, cell) => sum + Number(cell.innerText), 0))";
    let sums = browser.run(sum);
    assert_eq!(sums[1], usable - ended);
    assert_eq!(browser.run("return document.querySelectorAll('#states-chart ~ rect').length"), 5);
    // One row for what both valves failed for.
    let causes = "return [...document.querySelectorAll('#causes tbody tr')].map((row) => \
                  [row.querySelector('.cause').innerText, row.cells[1].innerText])";
    assert_eq!(browser.run(causes)[0], json!(["the platform does not answer: status 503", "2"]));
    assert_eq!(said["fleet"]["causes"][0]["devices"], 2);
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn jobs_say_how_far_their_shards_are() {
    let sandbox = fleet();
    let ledger = sandbox.join("pki/ledger.db");
    let phases: [(&str, &[&str]); 3] = [
        ("issue", &["done", "done", "done", "claimed"]),
        ("register", &["done", "partly", "open", "open"]),
        ("bundle", &["open"; 4]),
    ];
    forge_job(&ledger, 1, 3500, 1000, phases);
    forge_job(&ledger, 2, 1, 1000, [("issue", &["done"]), ("register", &["done"]), ("bundle", &["done"])]);
    forge(&ledger, [Forged::new("of-job").of_job(1, 0).error("the platform does not answer")]);
    let said = report(&sandbox);
    assert_eq!(said["fleet"]["jobs"][1]["job"], 1);
    assert_eq!(
        said["fleet"]["jobs"][1]["phases"]["register"],
        json!({"done": 1, "partly": 1, "claimed": 0, "open": 2})
    );
    for look in [Look::DESK, Look::PHONE] {
        let browser = open(&sandbox, look);
        let rows = "return [...document.querySelectorAll('[aria-labelledby=jobs] tbody tr')]\
                    .map((row) => [...row.cells].slice(1).map((cell) => cell.innerText.replace(/\\s+/g, ' ').trim()))";
        let expected = json!([
            ["1", "1 of 1 shard", "1 of 1 shard", "1 of 1 shard", "0"],
            ["3,500", "3 of 4 shards 1 in work", "1 of 4 shards 1 partly done", "–", "1"],
        ]);
        assert_eq!(browser.run(rows), expected, "{look:?}");
    }
}

#[test]
fn searching_filtering_and_sorting_show_what_was_asked_for() {
    let sandbox = fleet();
    report(&sandbox);
    let browser = open(&sandbox, Look::DESK);
    let all = number(&browser, "total-devices");
    browser.until(&format!("return document.getElementById('status').innerText === '{all} devices'"));
    // What needs attention comes first.
    assert_eq!(shown(&browser)[..6], ["valve-1", "valve-2", "valve-3", MARKUP, "valve-5", "valve-6"]);
    // The page shows 100 rows at a time, whatever the table holds: a browser lays out tens of thousands of rows for
    // seconds.
    assert_eq!(shown(&browser).len(), 100);
    browser.click("#next");
    browser.click("#next");
    assert_eq!(shown(&browser).len() as u64, all - 200);
    assert_eq!(browser.run("return document.getElementById('next').disabled"), true);

    browser.type_into("#search", "VALVE status");
    assert_eq!(shown(&browser), ["valve-1", "valve-2"]);
    browser.until(&format!("return document.getElementById('status').innerText === '2 of {all} devices'"));
    browser.type_into("#search", "no such thing");
    assert_eq!(shown(&browser), Vec::<String>::new());
    browser.until("return document.getElementById('status').innerText === 'Nothing fits.'");
    // A user with a certificate at hand searches for its serial number.
    let listed = sandbox.ok(["list", "--name", "pump-17", "--json"]).json();
    let serial = listed["result"]["identities"][0]["serial"].as_str().unwrap().to_owned();
    browser.type_into("#search", &serial.to_lowercase());
    assert_eq!(shown(&browser), ["pump-17"]);
    browser.type_into("#search", "pump-");

    // Numbers in names count as numbers.
    browser.click("th[data-order=name] button");
    assert_eq!(shown(&browser)[..3], ["pump-1", "pump-2", "pump-3"]);
    assert_eq!(browser.text("return document.querySelector('th[data-order=name]').ariaSort"), "ascending");
    browser.click("th[data-order=name] button");
    assert_eq!(shown(&browser)[..2], ["pump-230", "pump-229"]);
    assert_eq!(browser.text("return document.querySelector('th[data-order=name]').ariaSort"), "descending");
    browser.type_into("#search", "valve");
    browser.click("th[data-order=expires] button");
    assert_eq!(shown(&browser)[..2], ["valve-5", "valve-6"]);
    assert_eq!(browser.run("return document.querySelectorAll('[aria-sort]').length"), 1);
    // What has no time stays behind, whichever way round.
    browser.click("th[data-order=bundled] button");
    assert_eq!(shown(&browser)[0], "valve-5");
    browser.click("th[data-order=bundled] button");
    assert_eq!(shown(&browser)[0], "valve-5");

    browser.type_into("#search", "");
    let filter = |name: &str| {
        browser.run(&format!(
            "const filter = document.getElementById('filter');\
             filter.value = [...filter.options].find((option) => option.text.startsWith('{name} (')).value;\
             filter.dispatchEvent(new Event('change'))"
        ));
        let mut names = shown(&browser);
        names.sort();
        names
    };
    assert_eq!(filter("Failed"), ["valve-1", "valve-2", "valve-3"]);
    assert_eq!(filter("Expired"), [MARKUP]);
    assert_eq!(filter("Renew now"), ["valve-5", "valve-6", "لوحة\\u{202e}gnp"]);
    assert_eq!(filter("Renewal pending"), [""; 0]);
    assert_eq!(filter("revoked"), ["valve-7"]);
    browser.click("#causes button");
    assert_eq!(shown(&browser), ["valve-1", "valve-2"]);
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// Words and not only colors, with and without scripts.
#[test]
fn what_has_expired_or_must_be_renewed_is_told_in_words() {
    let sandbox = fleet();
    report(&sandbox);
    assert!(sandbox.text("report.html").contains("end within 90 days"), "the tile names the rule");
    let ends = |browser: &Browser, table: &str, name: &str| {
        browser.text(&format!(
            "const row = [...document.querySelectorAll('{table} tbody tr')]\
             .find((row) => row.querySelector('.name').innerText === '{name}');\
             return row.querySelector('[data-label=Expires]').innerText.replace(/\\s+/g, ' ').trim()"
        ))
    };
    for look in [Look::DESK, Look::PHONE, Look { scripts: false, ..Look::DESK }] {
        let browser = open(&sandbox, look);
        let table = if look.scripts { "#found" } else { "noscript table" };
        for (name, words) in [
            ("valve-5", "renew now, 20 days left"),
            ("valve-6", "renew now, 60 days left"),
            (MARKUP, "expired"),
            ("pump-1", "401 days left"),
        ] {
            let shown = ends(&browser, table, name);
            assert!(shown.ends_with(words), "{name}: {shown}");
        }
        let others = browser.text("return document.querySelector('[aria-labelledby=others]').innerText");
        assert!(others.contains("days left)") && others.contains("end early from"), "{others}");
    }
}

#[test]
fn names_and_messages_are_text_whatever_is_in_them() {
    let sandbox = fleet();
    report(&sandbox);
    for look in [Look::DESK, Look { scripts: false, ..Look::DESK }] {
        let browser = open(&sandbox, look);
        let text = browser.text("return document.body.innerText");
        for said in [MARKUP, "</script><script>alert(2)</script><!--\\u{2028}", "لوحة\\u{202e}gnp"] {
            assert!(text.contains(said), "{said} is not to be seen");
        }
        assert_eq!(browser.text("return document.querySelector('h1').innerText"), "Acme & Sons <pumps>");
        assert_eq!(browser.text("return document.title"), "Acme & Sons <pumps>");
        assert_eq!(browser.run("return document.querySelectorAll('img, iframe, link, a[href^=http]').length"), 0);
        // The data and the script, and nothing that came out of a name.
        assert_eq!(browser.run("return document.scripts.length"), 2);
        let handlers = "return [...document.querySelectorAll('*')].flatMap((element) => [...element.attributes])\
                        .filter(({ name }) => name.startsWith('on') || name === 'style').length";
        assert_eq!(browser.run(handlers), 0);
        assert!(!browser.has_dialog());
        assert_eq!(browser.console(), Vec::<String>::new());
    }
}

#[test]
fn the_policy_lets_nothing_else_run() {
    let sandbox = fleet();
    report(&sandbox);
    let page = sandbox.text("report.html");
    // A script that is smuggled into the file is held to the policy, which comes before it.
    let smuggled = "<p id=smuggled>not run</p><script>document.getElementById('smuggled').textContent = 'run'</script>\
                    <img src=x onerror=\"document.getElementById('smuggled').textContent = 'run'\">\
                    <style>#smuggled { position: fixed }</style></main>";
    sandbox.write("report.html", page.replace("</main>", smuggled));
    let browser = open(&sandbox, Look::DESK);
    assert_eq!(browser.text("return document.getElementById('smuggled').innerText"), "not run");
    assert_eq!(browser.text("return getComputedStyle(document.getElementById('smuggled')).position"), "static");
    let said = browser.console().join("\n");
    for directive in ["script-src", "style-src", "img-src"] {
        assert!(said.contains(directive) || said.contains("default-src"), "{directive}: {said}");
    }
    // One refusal each for the script, the handler of the image and the style.
    assert!(said.matches("Content Security Policy").count() >= 3, "{said}");
    // Neither can text be made markup by a script, nor anything be sent anywhere.
    let markup = "try { document.body.innerHTML = '<b>x</b>'; return 'made' } catch (error) { return error.name }";
    assert_eq!(browser.text(markup), "TypeError");
    browser.run("window.sent = 'open'; fetch('http://127.0.0.1:9/').catch(() => { window.sent = 'refused' })");
    browser.until("return window.sent === 'refused'");
    assert!(browser.console().join("\n").contains("Content Security Policy"));
    // The page's own script is not stopped by any of it.
    browser.type_into("#search", "valve-5");
    assert_eq!(shown(&browser), ["valve-5"]);
}

#[test]
fn it_fits_a_phone_in_light_and_dark() {
    let sandbox = fleet();
    let issued = ["done"; 12];
    forge_job(
        &sandbox.join("pki/ledger.db"),
        1,
        12_000,
        1000,
        [("issue", &issued), ("register", &["partly"; 12]), ("bundle", &["claimed"; 12])],
    );
    forge(
        &sandbox.join("pki/ledger.db"),
        [Forged::new("w".repeat(200)).error(format!("{} failed", "without-any-space".repeat(20)))],
    );
    report(&sandbox);
    for look in [Look::PHONE, Look { dark: true, ..Look::PHONE }, Look { scripts: false, ..Look::PHONE }, Look::DESK] {
        let browser = open(&sandbox, look);
        let width = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(width <= u64::from(look.width), "{look:?} scrolls sideways: {width}");
        let beyond = "return [...document.querySelectorAll('main *')].filter((element) => \
                      element.getBoundingClientRect().right > innerWidth + 1 && !element.closest('.unseen, thead'))\
                      .map((element) => element.outerHTML.slice(0, 80))";
        assert_eq!(browser.run(beyond), json!([]), "{look:?}");
        let lightness = "const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number);\
                         return r + g + b";
        let lightness = browser.run(lightness).as_u64().unwrap();
        assert_eq!(lightness < 300, look.dark, "{look:?}: {lightness}");
    }
}

#[test]
fn it_is_a_table_without_scripts() {
    let sandbox = fleet();
    report(&sandbox);
    let browser = open(&sandbox, Look { scripts: false, ..Look::DESK });
    let visible =
        "return [...document.querySelectorAll('table.devices tbody tr')].filter((row) => row.offsetHeight).length";
    assert_eq!(browser.run(visible), number(&browser, "total-devices"));
    for part in ["#explorer", "#blocked"] {
        let height = browser.run(&format!("return document.querySelector('{part}').offsetHeight"));
        assert_eq!(height, 0, "{part} is of no use without scripts");
    }
}

#[test]
fn it_can_be_used_by_keyboard_and_by_ear() {
    let sandbox = fleet();
    report(&sandbox);
    let browser = open(&sandbox, Look::DESK);
    // The first stop leads to the table, past everything above it.
    // WebDriver has code points of its own for keys: E004 is Tab, E007 is Enter.
    browser.press("\u{E004}");
    assert_eq!(browser.text("return document.activeElement.className"), "skip");
    browser.press("\u{E007}");
    // Enter follows the link, which moves the focus: the next Tab goes on from its target, not from the link.
    browser.press("\u{E004}");
    assert_eq!(browser.text("return document.activeElement.id"), "search");
    browser.press("valve-6");
    assert_eq!(shown(&browser), ["valve-6"]);
    browser.press("\u{E004}\u{E004}\u{E004}");
    assert_eq!(browser.text("return document.activeElement.innerText"), "Device");
    let outline = browser.text("return getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid");
    browser.press("\u{E007}");
    assert_eq!(browser.text("return document.activeElement.parentElement.ariaSort"), "ascending");

    // What a screen reader is told: every control and picture by name, headings without gaps, rows with heads.
    let tree = browser.devtools("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let named = |role: &str| -> Vec<String> {
        let of_role = nodes.iter().filter(|node| node["ignored"] == false && node["role"]["value"] == role);
        of_role.map(|node| node["name"]["value"].as_str().unwrap_or_default().to_owned()).collect()
    };
    for role in ["button", "searchbox", "combobox", "table", "image", "region", "heading", "columnheader", "link"] {
        let names = named(role);
        assert!(!names.is_empty() && names.iter().all(|name| !name.trim().is_empty()), "{role}: {names:?}");
    }
    assert_eq!(named("searchbox"), ["Search"]);
    assert_eq!(named("combobox"), ["Show", "Order"]);
    assert!(named("rowheader").iter().any(|name| name.contains("valve-6")), "{:?}", named("rowheader"));
    let levels = "return [...document.querySelectorAll('h1, h2, h3')].map((heading) => Number(heading.tagName[1]))";
    let levels: Vec<u64> = serde_json::from_value(browser.run(levels)).unwrap();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    assert_eq!(browser.text("return document.documentElement.lang"), "en");
}

/// The contrast of all text with what is behind it, as WCAG 2.2 (success criterion 1.4.3) has it.
const CONTRAST: &str = r"
const rgb = (color) => color.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = rgb(getComputedStyle(at).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
  return [255, 255, 255];
};
const faint = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !element.getClientRects().length || element.disabled) continue;
  const style = getComputedStyle(element);
  const color = rgb(element.closest('svg') ? style.fill : style.color);
  const [a, b] = [light(color), light(behind(element))].sort((a, b) => b - a);
  const ratio = (a + .05) / (b + .05);
  if (ratio < 4.5) faint.push(`${texts.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return faint";

#[test]
fn all_text_is_legible_in_light_and_dark() {
    let sandbox = fleet();
    report(&sandbox);
    for dark in [false, true] {
        let browser = open(&sandbox, Look { dark, ..Look::DESK });
        assert_eq!(browser.run(CONTRAST), json!([]), "dark: {dark}");
    }
}

#[test]
fn an_empty_fleet_explains_how_to_begin() {
    let sandbox = Sandbox::with_store();
    let said = report(&sandbox);
    assert_eq!((&said["fleet"]["devices"], &said["fleet"]["rows"]), (&json!(0), &json!(0)));
    let browser = open(&sandbox, Look::PHONE);
    let text = browser.text("return document.body.innerText");
    assert!(text.contains("There are no devices yet") && text.contains("devices-issuing"), "{text}");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_large_fleet_is_counted_whole_and_shown_in_part() {
    let sandbox = Sandbox::with_store();
    // More than the 10,000 rows that a page holds: the rest is only counted.
    let devices = (0..10_500).map(|number| {
        let device = Forged::new(format!("pump-{number:05}"));
        // What needs attention is not among the first by name.
        if number >= 10_400 { device.error("the platform does not answer") } else { device.state("registered") }
    });
    forge(&sandbox.join("pki/ledger.db"), devices);
    let said = report(&sandbox);
    assert_eq!((&said["fleet"]["devices"], &said["fleet"]["rows"]), (&json!(10_500), &json!(10_000)));
    let browser = open(&sandbox, Look::DESK);
    assert_eq!(number(&browser, "total-devices"), 10_500);
    assert_eq!(number(&browser, "total-failed"), 100);
    let scope = browser.text("return document.getElementById('scope').innerText");
    assert!(scope.starts_with("10,000 of 10,500 devices are in this table"), "{scope}");
    assert_eq!(shown(&browser)[0], "pump-10400");
    // The 100 failed devices have the first places; the 9,900 left go to the first names, up to pump-09899.
    browser.type_into("#search", "pump-09899");
    assert_eq!(shown(&browser), ["pump-09899"]);
    browser.type_into("#search", "pump-09900");
    assert_eq!(shown(&browser), Vec::<String>::new());
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn the_file_is_its_owners_and_replaced_only_when_asked() {
    let sandbox = fleet();
    let said = report(&sandbox);
    assert_eq!(said["file"], "report.html");
    assert_eq!(said["size"], sandbox.read("report.html").len());
    let mode = |file: &str| fs::metadata(sandbox.join(file)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("report.html"), 0o600);
    let first = sandbox.read("report.html");
    sandbox.fails(["report", "--out", "report.html"], 1, "TBPKI-0082");
    assert_eq!(sandbox.read("report.html"), first);
    let outcome = sandbox.ok(["report", "--out", "report.html", "--force"]);
    assert!(outcome.stdout_text().contains("report.html.old"), "{outcome}");
    assert_eq!((sandbox.read("report.html.old"), mode("report.html.old")), (first, 0o600));

    // Standard output takes the page or its summary, not both.
    let page = sandbox.ok(["report", "--out", "-"]).stdout_text();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    sandbox.fails(["report", "--out", "-", "--json"], 2, "TBPKI-0011");
}
