//! Log in, statements out.

use serde_json::Value;

use super::messages::parameters;
use super::plain::{process_of, session_of};
use super::*;

const PLAIN: &str = include_str!("../recorded/logs/stderr15.log");
const CSV: &str = include_str!("../recorded/logs/csv15.csv");
const JSON: &str = include_str!("../recorded/logs/json15.json");
const EIGHTEEN: &str = include_str!("../recorded/logs/stderr18.log");

fn read(text: &str) -> LogContents {
    let (head, source) = peek(text.as_bytes()).unwrap();
    read_log(&head, source, None).unwrap()
}

fn named<'a>(contents: &'a LogContents, part: &str) -> &'a RawStatement {
    contents.statements.iter().find(|raw| raw.sql.contains(part)).unwrap()
}

#[test]
fn the_three_formats_of_one_log_hold_the_same() {
    let plain = read(PLAIN);
    assert!(plain.statements.len() >= 4, "{plain:?}");
    assert_eq!(read(CSV), plain);
    assert_eq!(read(JSON), plain);
}

#[test]
fn values_are_read_as_they_were() {
    for log in [PLAIN, EIGHTEEN] {
        let contents = read(log);
        let raw = named(&contents, "is distinct from");
        assert_eq!(raw.calls, 1, "parse, bind and execute are one call");
        let first = Some("O'Brien \"Zoë\"\nZürich – 東京".to_owned());
        assert_eq!(raw.logged, [vec![first, None, Some("100".to_owned())]]);
        let update = named(&contents, "update orders");
        assert_eq!(update.calls, 2);
        assert_eq!(update.logged[0][0].as_deref(), Some("paid, 'late'"));
        assert_eq!(update.logged[1][0].as_deref(), Some("back\\slash\ttab"));
    }
}

#[test]
fn statements_of_many_lines_are_whole_and_errors_are_passed_over() {
    let contents = read(PLAIN);
    let raw = named(&contents, "sum(o.total)");
    assert!(raw.sql.ends_with("order by total desc"), "{}", raw.sql);
    assert!(
        raw.sql.contains("\n\tjoin customers"),
        "only the log's own tab is taken off: {}",
        raw.sql
    );
    assert!(raw.total_time_ms > 4.0);
    assert!(!contents.statements.iter().any(|raw| raw.sql.contains("no_such_table")));
}

#[test]
fn plans_of_auto_explain_come_with_their_statement() {
    for (log, values) in [(PLAIN, 0), (EIGHTEEN, 2)] {
        let contents = read(log);
        assert_eq!(contents.plans.len(), 1, "{:?}", contents.notes);
        let plan = &contents.plans[0];
        assert!(plan.sql.starts_with("select id,"));
        assert_eq!(plan.values.len(), values);
        assert!(optischema::plan::parse_plan(&plan.plan).is_ok());
    }
}

#[test]
fn a_plan_that_is_not_json_is_noted_and_the_rest_is_read() {
    let log = "2026-01-01 [1] LOG:  duration: 1.0 ms  plan:\n\tQuery Text: SELECT 1\n\tResult  (cost=0.00..0.01)\n2026-01-01 [1] LOG:  duration: 2.0 ms  statement: SELECT 2 FROM t";
    let contents = read(log);
    assert_eq!(contents.statements.len(), 1);
    assert!(contents.notes[0].contains("auto_explain.log_format = json"), "{:?}", contents.notes);
}

#[test]
fn values_that_were_shortened_are_not_used() {
    assert_eq!(parameters("$1 = 'abc'..., $2 = '1'"), None);
    assert_eq!(parameters("$1 = 'unclosed"), None);
    assert_eq!(parameters("nonsense"), None);
}

#[test]
fn a_time_that_is_no_time_is_passed_over() {
    for time in ["NaN", "inf", "-1e308"] {
        let log = format!("x LOG:  duration: {time} ms  statement: SELECT 1 FROM t");
        assert!(read(&log).statements.is_empty(), "{time}");
    }
}

#[test]
fn sql_is_no_log() {
    assert!(!looks_like_log("SELECT 1; -- LOG: x\nSELECT 2"));
    assert!([PLAIN, CSV, JSON, EIGHTEEN].into_iter().all(looks_like_log));
}

#[test]
fn text_and_time_on_different_lines_belong_together_by_their_process() {
    let lines = [
        "2026-03-05 11:00:00.000 UTC [5001] shop@shop LOG:  statement: SELECT 1 FROM a",
        "2026-03-05 11:00:00.005 UTC [5002] shop@shop LOG:  statement: SELECT 2 FROM b",
        "2026-03-05 11:00:00.006 UTC [5002] shop@shop LOG:  duration: 0.210 ms",
        "2026-03-05 11:00:00.007 UTC [5003] shop@shop LOG:  duration: 9.000 ms",
        "2026-03-05 11:00:00.489 UTC [5001] shop@shop LOG:  duration: 489.168 ms",
        "2026-03-05 11:00:01.001 UTC [5003] shop@shop LOG:  execute <unnamed>: SELECT 3 FROM c WHERE x = $1",
        "2026-03-05 11:00:01.001 UTC [5003] shop@shop DETAIL:  parameters: $1 = '14321'",
        "2026-03-05 11:00:01.300 UTC [5003] shop@shop LOG:  duration: 300.001 ms",
        "2026-03-05 11:00:02.000 UTC [5001] shop@shop LOG:  statement: EXECUTE p(5)",
        "2026-03-05 11:00:02.000 UTC [5001] shop@shop DETAIL:  prepare: PREPARE p(int) AS SELECT 4 FROM d WHERE y = $1",
        "2026-03-05 11:00:02.001 UTC [5001] shop@shop LOG:  duration: 1.500 ms",
    ];
    let contents = read(&lines.join("\n"));
    let times: Vec<(&str, i64, f64)> =
        contents.statements.iter().map(|s| (s.sql.as_str(), s.calls, s.total_time_ms)).collect();
    assert_eq!(
        times,
        [
            ("PREPARE p(int) AS SELECT 4 FROM d WHERE y = $1", 1, 1.5),
            ("SELECT 1 FROM a", 1, 489.168),
            ("SELECT 2 FROM b", 1, 0.21),
            ("SELECT 3 FROM c WHERE x = $1", 1, 300.001),
        ]
    );
    assert_eq!(contents.statements[3].logged, [vec![Some("14321".to_owned())]]);
    assert_eq!(contents.statements[0].logged, [vec![Some("5".to_owned())]], "from its EXECUTE");
    assert!(contents.notes.is_empty(), "{:?}", contents.notes);
    // Without a process in the prefix nobody's time is taken for another's.
    let bare = "LOG:  statement: SELECT 1 FROM a\nLOG:  statement: SELECT 2 FROM b\nLOG:  duration: 5.000 ms";
    let contents = read(bare);
    assert!(contents.statements.iter().all(|s| s.calls == 1 && s.total_time_ms == 0.0));
    assert!(contents.notes[0].contains("log_min_duration_statement"), "{:?}", contents.notes);
}

#[test]
fn roles_and_databases_are_found_in_usual_prefixes() {
    for prefix in [
        "2026-03-05 11:00:00.000 UTC [5001] app@shop LOG:  ",
        "2026-03-05 11:00:00 UTC:10.0.0.1(55):app@shop:[5001]:LOG:  ",
        "2026-03-05 11:00:00 UTC [5001] user=app,db=shop,app=psql LOG:  ",
    ] {
        assert_eq!(session_of(prefix), ("app".to_owned(), "shop".to_owned()), "{prefix}");
    }
    assert_eq!(session_of("2026-03-05 11:00:00 UTC [5001] LOG:  "), Default::default());
    let line = |role: &str| {
        format!(
            "2026-03-05 11:00:00 UTC [7] {role}@shop LOG:  duration: 1.0 ms  statement: SELECT 1 FROM a"
        )
    };
    let role = |text: &str| read(text).statements[0].role.clone();
    assert_eq!(role(&line("app")).as_deref(), Some("app"));
    assert_eq!(role(&[line("app"), line("other")].join("\n")), None);
}

#[test]
fn processes_are_found_in_usual_prefixes() {
    for (prefix, process) in [
        ("2026-03-05 11:00:00.000 UTC [5001] shop@shop LOG:  ", "5001"),
        ("2026-03-05 11:00:00 UTC:10.0.0.1(55):app@shop:[5001]:LOG:  ", "5001"),
        ("2026-03-05 11:00:00 UTC [5001-1] app@shop LOG:  ", "5001"),
        ("2026-03-05 11:00:00 CET pid=5001,user=app LOG:  ", "5001"),
        ("t=2026-03-05 11:00:00 p=5001 l=3 LOG:  ", "5001"),
        ("2026-03-05 11:00:00 CET 5001 app LOG:  ", "5001"),
        ("LOG:  ", ""),
        ("2026-03-05 11:00:00.000 UTC app@shop LOG:  ", ""),
    ] {
        assert_eq!(process_of(prefix), process, "{prefix}");
    }
}

#[test]
fn lines_in_envelopes_of_services_are_read() {
    let line = "2026-03-05 11:00:00 UTC [7] LOG:  duration: 12.500 ms  statement: SELECT 1 FROM a";
    let wrapped = |value: Value| value.to_string();
    for text in [
        wrapped(serde_json::json!({ "textPayload": line, "severity": "INFO" })),
        wrapped(serde_json::json!({ "timestamp": 1, "message": line })),
        wrapped(serde_json::json!({ "properties": { "message": line, "errorLevel": "LOG" } })),
        wrapped(
            serde_json::json!({ "event_message": "duration: 12.500 ms  statement: SELECT 1 FROM a", "id": "x" }),
        ),
        wrapped(serde_json::json!({ "log": line, "stream": "stderr" })),
    ] {
        assert!(looks_like_log(&text), "{text}");
        let contents = read(&text);
        assert_eq!(contents.statements.len(), 1, "{text}");
        assert_eq!(contents.statements[0].total_time_ms, 12.5, "{text}");
    }
}

#[test]
fn lists_that_services_write_over_lines_are_read() {
    let line = |n: u32| {
        format!(
            "2026-03-05 11:00:00 UTC [7] LOG:  duration: 12.500 ms  statement: SELECT {n} FROM a"
        )
    };
    let pretty = |value: Value| serde_json::to_string_pretty(&value).unwrap();
    for text in [
        pretty(serde_json::json!([
            { "insertId": "a", "resource": { "labels": { "database_id": "x" } }, "textPayload": line(1) },
            { "insertId": "b", "textPayload": line(2) },
        ])),
        pretty(serde_json::json!({
            "events": [{ "timestamp": 1, "message": line(1) }, { "timestamp": 2, "message": line(2) }],
            "searchedLogStreams": [{ "logStreamName": "x", "searchedCompletely": true }],
            "nextToken": "y",
        })),
        [1, 2]
            .map(|n| pretty(serde_json::json!({ "properties": { "message": line(n) } })))
            .join("\n"),
    ] {
        assert!(looks_like_log(&text), "{text}");
        let found = read(&text).statements;
        let seen: Vec<&str> = found.iter().map(|raw| raw.sql.as_str()).collect();
        assert_eq!(seen, ["SELECT 1 FROM a", "SELECT 2 FROM a"], "{text}");
    }
}

#[test]
fn what_a_process_prepared_stands_for_what_it_executes() {
    let line = |process: u32, what: &str| {
        format!("2026-03-05 11:00:00.000 UTC [{process}] app@shop LOG:  duration: 2.5 ms  {what}")
    };
    let lines = [
        line(7, "statement: PREPARE find AS SELECT 1 FROM a WHERE id = $1"),
        line(8, "statement: PREPARE find AS SELECT 2 FROM b WHERE id = $1"),
        line(7, "execute s1: EXECUTE find(41)"),
        line(9, "execute s1: EXECUTE find(42)"),
    ];
    let contents = read(&lines.join("\n"));
    let raw = named(&contents, "FROM a");
    assert_eq!((raw.calls, raw.logged.clone()), (2, vec![vec![Some("41".to_owned())]]));
    assert_eq!(named(&contents, "FROM b").calls, 1);
    assert_eq!(named(&contents, "EXECUTE").calls, 1, "another process prepared it");
}

#[test]
fn time_of_statements_inside_another_one_counts_once() {
    let plan = |sql: &str| {
        format!("{{\"Query Text\": \"{sql}\", \"Plan\": {{\"Node Type\": \"Result\"}}}}")
    };
    let line = |second: &str, duration: f64, sql: &str| {
        format!(
            "2026-03-05 11:00:{second} UTC [7] app@shop LOG:  duration: {duration:.3} ms  plan:\n\t{}",
            plan(sql)
        )
    };
    let lines = [
        line("01.000", 5.0, "SELECT 1 FROM a"),
        line("02.040", 30.0, "SELECT 2 FROM b"),
        line("02.050", 48.0, "SELECT f()"),
    ];
    let contents = read(&lines.join("\n"));
    let times: Vec<f64> =
        ["FROM a", "FROM b", "f()"].map(|part| named(&contents, part).total_time_ms).to_vec();
    assert_eq!(times, [5.0, 30.0, 18.0]);
}

#[test]
fn a_record_that_is_cut_off_is_no_entry() {
    let whole = CSV.lines().next().unwrap();
    let cut = &CSV[whole.len() / 2..];
    let contents = read_log(CSV, cut.as_bytes(), Some("shop")).unwrap();
    assert!(contents.notes.iter().all(|note| !note.contains("(LOG")), "{:?}", contents.notes);
}

#[test]
fn a_prefix_in_brackets_is_plain_text() {
    let text = "[2026-03-05 11:00:00 UTC] [7] LOG:  duration: 1.5 ms  statement: SELECT 1 FROM a\n[2026-03-05 11:00:01 UTC] [7] LOG:  duration: 1.5 ms  statement: SELECT 2\n\tFROM b";
    let contents = read(text);
    assert_eq!(contents.statements.len(), 2, "{contents:?}");
    assert_eq!(contents.statements[1].sql, "SELECT 2\nFROM b");
}

#[test]
fn envelopes_of_single_lines_belong_together() {
    let enveloped =
        |pid: u32, line: &str| serde_json::json!({ "message": line, "pid": pid }).to_string();
    let text = [
        enveloped(1, "2026-03-05 11:00:00 UTC LOG:  statement: SELECT id"),
        enveloped(1, "\tFROM a"),
        enveloped(2, "2026-03-05 11:00:00 UTC LOG:  statement: SELECT 2 FROM b"),
        enveloped(2, "2026-03-05 11:00:01 UTC LOG:  duration: 7.000 ms"),
        enveloped(1, "2026-03-05 11:00:02 UTC LOG:  duration: 9.000 ms"),
    ];
    let contents = read(&text.join("\n"));
    let times: Vec<(&str, f64)> =
        contents.statements.iter().map(|raw| (raw.sql.as_str(), raw.total_time_ms)).collect();
    assert_eq!(times, [("SELECT 2 FROM b", 7.0), ("SELECT id\nFROM a", 9.0)]);
}

#[test]
fn envelopes_within_envelopes_and_lists_of_entries_are_read() {
    let line = "2026-03-05 11:00:00 UTC [7] LOG:  duration: 12.500 ms  statement: SELECT 1 FROM a";
    let own = serde_json::json!({ "pid": 7, "error_severity": "LOG", "message": "duration: 12.500 ms  statement: SELECT 1 FROM a" });
    for text in [
        serde_json::json!({ "log": own.to_string() }),
        serde_json::json!({ "logger": "postgres", "msg": "record", "record": own }),
        serde_json::json!({ "events": [{ "message": line, "timestamp": 1 }] }),
        serde_json::json!([{ "textPayload": line }]),
    ] {
        let text = text.to_string();
        assert!(looks_like_log(&text), "{text}");
        let contents = read(&text);
        assert_eq!(contents.statements.len(), 1, "{text}");
        assert_eq!(contents.statements[0].total_time_ms, 12.5, "{text}");
    }
    // After log_destination was changed.
    let mixed = read(&format!("{own}\n{line}\n{line}"));
    assert_eq!(mixed.statements[0].calls, 3);
}

#[test]
fn lines_of_syslog_belong_together() {
    let log = "Mar  5 11:00:00 db postgres[2256]: [5-1] LOG:  duration: 1.500 ms  statement: SELECT id\nMar  5 11:00:00 db postgres[2256]: [5-2] #011FROM a\n";
    let contents = read(log);
    assert_eq!(contents.statements[0].sql, "SELECT id\nFROM a");
}

#[test]
fn a_log_that_begins_within_a_long_plan_is_a_log() {
    let log = format!(
        "{}2026-03-05 [7] LOG:  duration: 1.500 ms  statement: SELECT 1 FROM a",
        "\t  \"Node Type\": \"x\",\n".repeat(300)
    );
    assert!(looks_like_log(&log));
    assert_eq!(read(&log).statements.len(), 1);
    let sql = format!("{}SELECT 'LOG:  x';", "SELECT 1;\n".repeat(60));
    assert!(!looks_like_log(&sql));
}

#[test]
fn a_quote_that_is_never_closed_costs_the_rest_and_no_more() {
    let open = CSV.to_owned() + "2026-01-01,\"" + &"x,".repeat(20 << 20);
    let contents = read(&open);
    assert_eq!(contents.statements, read(CSV).statements);
    assert!(
        contents.notes.iter().any(|note| note.contains("was not read")),
        "{:?}",
        contents.notes
    );
}

#[test]
fn entries_of_other_databases_are_left_out_with_a_note() {
    let log = "2026-03-05 [7] db=shop LOG:  duration: 1.500 ms  statement: SELECT 1 FROM a\n2026-03-05 [8] db=other,user=x LOG:  duration: 9.500 ms  statement: SELECT 2 FROM b\n";
    let contents = read_log(log, log.as_bytes(), Some("shop")).unwrap();
    assert_eq!(contents.statements.len(), 1);
    assert!(contents.notes[0].contains("(other)"), "{:?}", contents.notes);
    assert_eq!(read(log).statements.len(), 2);
    let csv = read_log(CSV, CSV.as_bytes(), Some("another")).unwrap();
    assert!(csv.statements.is_empty() && !csv.notes.is_empty());
    // What is wrong is the database, not the settings of the log.
    let reason = csv.emptiness().unwrap();
    assert!(reason.contains("of this database") && !reason.contains("set log_min"), "{reason}");
    assert!(contents.emptiness().is_none());
    assert!(read("").emptiness().unwrap().contains("set log_min_duration_statement"));
}

#[test]
fn half_a_log_is_read_from_its_first_whole_entry() {
    for log in [PLAIN, CSV, JSON] {
        let whole = read(log).statements.len();
        let half = log.find("sum(o.total)").unwrap();
        let contents = read(&log[half..]);
        assert!((1..whole).contains(&contents.statements.len()), "{:?}", contents.statements);
        let cut_off = read(&log[..half]);
        assert!(cut_off.statements.iter().all(|raw| !raw.sql.is_empty()));
    }
}

#[test]
fn plans_are_kept_once_for_each_shape() {
    let plan = |ms: u32, node: &str| {
        format!(
            "2026-03-05 11:00:00 UTC [7] LOG:  duration: {ms}.0 ms  plan:\n\t{{\"Query Text\": \"SELECT 1 FROM a\", \"Plan\": {{\"Node Type\": \"{node}\", \"Startup Cost\": 0.0, \"Total Cost\": 1.0, \"Plan Rows\": 1, \"Plan Width\": 4}}}}\n"
        )
    };
    let log: String = (1..=40).map(|ms| plan(ms, "Seq Scan") + &plan(ms, "Result")).collect();
    let contents = read(&log);
    assert_eq!((contents.statements[0].calls, contents.plans.len()), (80, 2));
}

#[test]
fn plans_alone_count_every_execution() {
    let plan = |ms: &str| {
        format!(
            "2026-03-05 11:00:00 UTC [7] LOG:  duration: {ms} ms  plan:\n\t{{\"Query Text\": \"SELECT 1 FROM a\", \"Plan\": {{}}}}\n"
        )
    };
    let contents = read(&(plan("10.0") + &plan("20.0") + &plan("30.0")));
    let statement = &contents.statements[0];
    assert_eq!((statement.calls, statement.total_time_ms), (3, 60.0));
}
