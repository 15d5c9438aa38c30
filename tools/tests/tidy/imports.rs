//! Circles of imports between the modules of a crate. A module and those inside of it are one place: what either takes
//! of the other makes no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::code::Code;

/// A module: the crate's folder of sources, and the names down to it.
type Module = (String, Vec<String>);

/// Modules that can be reached from themselves, each with the others of its circle.
pub(crate) fn in_circles<'c>(sources: impl Iterator<Item = (&'c str, &'c Code)>) -> Vec<String> {
    let modules: BTreeMap<Module, &Code> = sources
        .filter(|(_, code)| code.lines(false) > 0)
        .filter_map(|(path, code)| Some((module(path)?, code)))
        .collect();
    let imports: BTreeMap<&Module, BTreeSet<&Module>> =
        modules.iter().map(|(module, code)| (module, imported(module, code, &modules))).collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        imports.keys().map(|module| (*module, reached_from(module, &imports))).collect();
    let mut found = Vec::new();
    for (module, reach) in reached.iter().filter(|(module, reach)| reach.contains(*module)) {
        let others = reach.iter().filter(|other| *other != module && reached[*other].contains(*module));
        let others: Vec<String> = others.map(|(_, path)| path.join("::")).collect();
        found.push(format!("{} {} with {}", module.0, module.1.join("::"), others.join(", ")));
    }
    found
}

/// The module that a file is; none if it is not below a folder `src`.
fn module(path: &str) -> Option<Module> {
    let (krate, inside) = path.split_once("/src/")?;
    let inside = inside.strip_suffix(".rs")?;
    let names = inside.split('/').filter(|name| !matches!(*name, "lib" | "main" | "mod"));
    Some((krate.to_owned(), names.map(str::to_owned).collect()))
}

fn reached_from<'m>(start: &'m Module, imports: &BTreeMap<&'m Module, BTreeSet<&'m Module>>) -> BTreeSet<&'m Module> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![start];
    while let Some(module) = ahead.pop() {
        ahead.extend(imports[module].iter().filter(|next| reached.insert(**next)));
    }
    reached
}

/// The modules that a module takes something of.
fn imported<'m>(module: &Module, code: &Code, modules: &'m BTreeMap<Module, &Code>) -> BTreeSet<&'m Module> {
    let mut found = BTreeSet::new();
    for path in paths(&code.source(), &module.1) {
        let known =
            (0..=path.len()).rev().find_map(|len| modules.get_key_value(&(module.0.clone(), path[..len].to_vec())));
        found.extend(
            known
                .map(|(known, _)| known)
                .filter(|(_, other)| !other.starts_with(&module.1) && !module.1.starts_with(other)),
        );
    }
    found
}

/// Every path from `crate` or `super` on, as names from the crate's root.
fn paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let symbols: Vec<&str> = symbols(code);
    let mut found = Vec::new();
    for (at, symbol) in symbols.iter().enumerate() {
        let follows = at > 0 && symbols[at - 1] == "::";
        let mut base = match *symbol {
            "crate" if !follows => Vec::new(),
            "super" if !follows => module[..module.len().saturating_sub(1)].to_vec(),
            _ => continue,
        };
        let mut next = at + 1;
        while symbols.get(next..next + 2) == Some(&["::", "super"]) {
            base.pop();
            next += 2;
        }
        tree(&symbols, next, &base, &mut found);
    }
    found
}

/// What follows a prefix: `::name...`, `::{one, other::more}`. Answers where it ends.
fn tree(symbols: &[&str], mut at: usize, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    while symbols.get(at) == Some(&"::") {
        at += 1;
        match symbols.get(at) {
            Some(&"{") => {
                at += 1;
                while symbols.get(at).is_some_and(|symbol| *symbol != "}") {
                    let before = at;
                    if symbols[at].starts_with(char::is_alphabetic) {
                        let inner: Vec<String> = path.iter().cloned().chain([symbols[at].to_owned()]).collect();
                        at = tree(symbols, at + 1, &inner, found);
                    }
                    at += usize::from(at == before || symbols.get(at) == Some(&","));
                }
                return at + 1;
            }
            Some(name) => path.push((*name).to_owned()),
            None => break,
        }
        at += 1;
    }
    found.push(path);
    at
}

/// Words, double colons, and every other symbol by itself.
fn symbols(code: &str) -> Vec<&str> {
    let is_part = |symbol: char| symbol.is_alphanumeric() || symbol == '_';
    let mut found = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if is_part(first) {
            rest.find(|symbol| !is_part(symbol)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        found.push(&rest[..len]);
        rest = rest[len..].trim_start();
    }
    found
}

#[test]
fn a_circle_is_found_whichever_way_its_paths_are_written() {
    let code = |text: &str| Code::of(text, false);
    let files = [
        ("x/src/lib.rs", code("mod a;\nmod b;\nmod c;\nuse crate::a::A;")),
        ("x/src/a.rs", code("use crate::{c::C, b::inner::{self, Thing}};")),
        ("x/src/a/part.rs", code("use super::A;")),
        ("x/src/b.rs", code("mod inner;")),
        ("x/src/b/inner.rs", code("fn f() { super::super::a::g() }")),
        ("x/src/c.rs", code("use crate::b::inner;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n")),
    ];
    let found = in_circles(files.iter().map(|(path, code)| (*path, code)));
    assert_eq!(found, ["x a with b::inner, c", "x b::inner with a, c", "x c with a, b::inner"]);
}
