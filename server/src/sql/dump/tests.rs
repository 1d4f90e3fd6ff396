use super::*;

/// Written by `pg_dump` 15.18, with two lines of 18.
const SCRIPT: &str = include_str!("tests/script.sql");

fn listed() -> Vec<String> {
    dump_statements(SCRIPT)
        .unwrap()
        .into_iter()
        .filter(|statement| statement.kind != DumpKind::Setting)
        .map(|statement| {
            let of = statement
                .relation
                .map_or_else(String::new, |of| format!(" of {}|{}", of.schema, of.name));
            let object = statement.object;
            format!("{:?} {}|{}{of}", statement.kind, object.schema, object.name)
        })
        .collect()
}

#[test]
fn each_statement_of_a_dump_is_classified() {
    insta::assert_snapshot!(listed().join("\n"));
}

#[test]
fn options_that_the_server_keeps_for_itself_are_left_out() {
    // pg_dump 18.6 of a server of 15.20, which gives every column of a table such an option.
    let script = r#"
ALTER TABLE ONLY public.t ALTER COLUMN a SET (pg_attver=22449080);
ALTER TABLE ONLY public.t ALTER COLUMN b SET (pg_attver=22449080, n_distinct=77);
ALTER TABLE ONLY public.t ALTER COLUMN "SET" SET (n_distinct=-0.5, n_distinct_inherited=3);
ALTER TABLE ONLY public.t ALTER COLUMN c SET STATISTICS 7;
"#;
    let statements = dump_statements(script).unwrap();
    let texts: Vec<&str> = statements.iter().map(|statement| statement.sql.as_str()).collect();
    assert_eq!(
        texts,
        [
            "ALTER TABLE ONLY public.t ALTER COLUMN b SET (n_distinct=77)",
            "ALTER TABLE ONLY public.t ALTER COLUMN \"SET\" SET (n_distinct=-0.5, n_distinct_inherited=3)",
            "ALTER TABLE ONLY public.t ALTER COLUMN c SET STATISTICS 7",
        ]
    );
}

#[test]
fn a_table_is_taken_apart_and_written_again() {
    let of = |name: &str| {
        let statements = dump_statements(SCRIPT).unwrap();
        let is = |s: &&DumpStatement| s.kind == DumpKind::Table && s.object.name == name;
        table_text(&statements.iter().find(is).unwrap().sql).unwrap().unwrap()
    };
    let table = of("t");
    let values: Vec<Option<&str>> = table.elements.iter().map(Element::optional).collect();
    assert_eq!(
        values,
        [
            None,
            Some("DEFAULT 3"),
            Some("DEFAULT 'x'::text"),
            Some("GENERATED ALWAYS AS ((a + 1)) STORED"),
            None,
            Some("DEFAULT ARRAY[1, 2]"),
            Some("CONSTRAINT t_b_check CHECK ((b <> ''::text))"),
        ]
    );
    assert_eq!(
        table.written(&|at| at == 2),
        "CREATE TABLE public.t ( id integer NOT NULL, a integer NOT NULL, \
         b text DEFAULT 'x'::text NOT NULL COLLATE pg_catalog.\"C\", g integer, \
         e character varying(10), l integer[])"
    );
    let odd = of("Odd \"one\".x");
    assert!(odd.written(&|_| true).starts_with("CREATE TABLE public.\"Odd \"\"one\"\".x\" ("));
}

#[test]
fn names_of_a_moved_extension_get_its_schema_here() {
    let moved = |name: &TableName| {
        (name.schema == "public" && ["hstore", "=", "gin_trgm_ops"].contains(&name.name.as_str()))
            .then(|| "My \"ext\"".to_owned())
    };
    let sql = "CREATE INDEX i ON public.t USING gin (a public.gin_trgm_ops) WHERE (public.hstore(b) OPERATOR(public.=) 'public.hstore'::public.hstore)";
    assert_eq!(
        with_schemas(sql, &moved).unwrap(),
        "CREATE INDEX i ON public.t USING gin (a \"My \"\"ext\"\"\".gin_trgm_ops) WHERE (\"My \"\"ext\"\"\".hstore(b) OPERATOR(\"My \"\"ext\"\"\".=) 'public.hstore'::\"My \"\"ext\"\"\".hstore)"
    );
}

#[test]
fn functions_that_act_outside_the_database_are_found() {
    let body = |text: &str| {
        function_body(&format!("CREATE FUNCTION public.f() RETURNS integer\n    LANGUAGE plpgsql IMMUTABLE\n    AS {text}")).unwrap()
    };
    let reaches = |text: &str| body(text).reaches_out;
    assert_eq!(body("$$ BEGIN RETURN 1; END $$").language.as_deref(), Some("plpgsql"));
    assert_eq!(reaches("$$ BEGIN RETURN length('dblink'); END $$"), None);
    assert_eq!(reaches("$$ BEGIN COPY t TO STDOUT; copied := copy(1); END $$"), None);
    for (text, said) in [
        ("$_$ BEGIN PERFORM dblink_connect('x'); END $_$", "dblink_connect"),
        ("$$ BEGIN PERFORM ext.dblink('x', 'y'); END $$", "dblink"),
        ("$$ BEGIN EXECUTE 'SELECT pg_read_file($q$a$q$)'; END $$", "pg_read_file"),
        ("'BEGIN COPY t FROM PROGRAM ''date''; END'", "COPY"),
        ("$$ BEGIN COPY t (a) TO '/tmp/t'; END $$", "COPY"),
        ("$$ BEGIN PERFORM net.http_post('x'); END $$", "net.http_post"),
    ] {
        assert_eq!(reaches(text).as_deref(), Some(said), "{text}");
    }
}
