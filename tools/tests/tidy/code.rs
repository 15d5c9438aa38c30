//! A file as code: comments, strings and characters blanked out, so that words and braces that are left mean something.

/// See the module.
pub(crate) struct Code {
    /// As it is written.
    lines: Vec<String>,
    /// The same, line by line, with blanks in place of comments and literals.
    bare: Vec<String>,
    /// Lines from here on are tests.
    tests_from: usize,
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// From its `fn` to its closing brace.
    pub(crate) lines: usize,
}

impl Code {
    pub(crate) fn of(text: &str, is_test: bool) -> Code {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let bare: Vec<String> = blanked(text).lines().map(str::to_owned).collect();
        let is_start = |at: &usize| bare[*at].trim() == "#[cfg(test)]" && bare[*at + 1].trim() == "mod tests {";
        let inline = (0..bare.len().saturating_sub(1)).find(is_start);
        let tests_from = if is_test { 0 } else { inline.unwrap_or(lines.len()) };
        Code { lines, bare, tests_from }
    }

    /// How many there are, of tests or of all else.
    pub(crate) fn lines(&self, tests: bool) -> usize {
        if tests { self.lines.len() - self.tests_from } else { self.tests_from }
    }

    /// All but tests, bare.
    pub(crate) fn source(&self) -> String {
        self.bare[..self.tests_from].join("\n")
    }

    pub(crate) fn has_word(&self, word: &str) -> bool {
        self.bare.iter().any(|line| words(line).any(|(_, found)| found == word))
    }

    /// Functions of tests, or all others.
    pub(crate) fn functions(&self, tests: bool) -> Vec<Function> {
        let range = if tests { self.tests_from..self.bare.len() } else { 0..self.tests_from };
        let mut functions = Vec::new();
        for at in range {
            let mut words = words(&self.bare[at]).skip_while(|(_, word)| *word != "fn");
            let Some((column, _)) = words.next() else { continue };
            let Some((_, name)) = words.next() else { continue };
            if let Some(end) = self.end_of_body(at, column) {
                functions.push(Function { name: name.to_owned(), line: at + 1, lines: end - at + 1 });
            }
        }
        functions
    }

    /// The line of the brace that closes the first one behind a place; none if a semicolon comes before any.
    fn end_of_body(&self, line: usize, column: usize) -> Option<usize> {
        let (mut braces, mut others) = (0, 0);
        for (at, text) in self.bare.iter().enumerate().skip(line) {
            for symbol in text.chars().skip(if at == line { column } else { 0 }) {
                match symbol {
                    ';' if braces == 0 && others == 0 => return None,
                    '(' | '[' => others += 1,
                    ')' | ']' => others -= 1,
                    '{' => braces += 1,
                    '}' if braces == 1 => return Some(at),
                    '}' => braces -= 1,
                    _ => {}
                }
            }
        }
        None
    }

    /// Public items without a doc comment: line and name. A module says what it is inside.
    pub(crate) fn undocumented(&self) -> Vec<(usize, String)> {
        const ITEMS: [&str; 7] = ["fn", "struct", "enum", "trait", "const", "static", "type"];
        let mut found = Vec::new();
        for (at, line) in self.bare[..self.tests_from].iter().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix("pub ") else { continue };
            let of_item: Vec<&str> = words(rest).map(|(_, word)| word).take(4).collect();
            let kind = of_item.iter().position(|word| ITEMS.contains(word) && *word != "const");
            let Some(kind) = kind.or_else(|| of_item.iter().position(|word| *word == "const")) else { continue };
            // A field may be of a function's type.
            if kind < 3 && !rest.contains(&format!("{}:", of_item[0])) && !self.is_documented(at) {
                found.push((at + 1, of_item.get(kind + 1).copied().unwrap_or_default().to_owned()));
            }
        }
        found
    }

    /// Whether a doc comment ends above a line, attributes between them left out.
    fn is_documented(&self, line: usize) -> bool {
        let above = self.lines[..line].iter().rev().map(|line| line.trim());
        let mut above = above.skip_while(|line| line.starts_with("#[") || line.ends_with(")]"));
        above.next().is_some_and(|line| line.starts_with("///"))
    }
}

/// The words of a line, each with its column in characters.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |symbol: char| symbol.is_alphanumeric() || symbol == '_';
    let starts = line
        .char_indices()
        .enumerate()
        .filter(move |(_, (at, symbol))| is_part(*symbol) && !line[..*at].chars().next_back().is_some_and(is_part));
    starts.map(move |(column, (at, _))| {
        let end = line[at..].find(|symbol| !is_part(symbol)).map_or(line.len(), |len| at + len);
        (column, &line[at..end])
    })
}

/// The same text with blanks in place of comments and of what is in quotes; lines stay lines.
fn blanked(text: &str) -> String {
    let symbols: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < symbols.len() {
        let end = literal_end(&symbols, at);
        if end == at {
            out.push(symbols[at]);
            at += 1;
        } else {
            out.extend(symbols[at..end].iter().map(|symbol| if *symbol == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Behind the comment or literal that begins at a place; the place itself if none does.
fn literal_end(symbols: &[char], at: usize) -> usize {
    let rest = &symbols[at..];
    let is_word = at > 0 && (symbols[at - 1].is_alphanumeric() || symbols[at - 1] == '_');
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|symbol| *symbol == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + comment_len(rest),
        ['"', ..] => at + quoted_len(rest, '"'),
        ['r', '"' | '#', ..] if !is_word => at + raw_len(rest),
        ['b', 'r', '"' | '#', ..] if !is_word => at + 1 + raw_len(&rest[1..]),
        ['\'', '\\', ..] => at + quoted_len(rest, '\''),
        ['\'', _, '\'', ..] => at + 3,
        _ => at,
    }
}

/// Block comments nest.
fn comment_len(symbols: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < symbols.len() {
        match symbols[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted_len(symbols: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < symbols.len() && symbols[at] != quote {
        at += if symbols[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(symbols.len())
}

/// Of `r"..."` and `r#"..."#`; 0 of what only looks like it, as `r#type`.
fn raw_len(symbols: &[char]) -> usize {
    let hashes = symbols[1..].iter().take_while(|symbol| **symbol == '#').count();
    if symbols.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let close: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let start = hashes + 2;
    let end = symbols[start..].windows(close.len()).position(|window| window == close);
    end.map_or(symbols.len(), |at| start + at + close.len())
}

#[test]
fn braces_and_words_in_comments_and_literals_mean_nothing() {
    let text = "fn a<'a>(x: &'a str) {\n    let _ = ('{', '\\'', \"}\\\"\", r#\"unsafe \" {\"#, b'{'); // }\n    /* } /* } */ \
                } */ x.r#type;\n}\npub fn b();\n";
    let code = Code::of(text, false);
    let functions: Vec<_> = code.functions(false).into_iter().map(|it| (it.name, it.line, it.lines)).collect();
    assert_eq!(functions, [("a".to_owned(), 1, 4)]);
    assert!(!code.has_word("unsafe") && code.has_word("type"));
    assert_eq!(code.undocumented(), [(5, "b".to_owned())]);
}
