use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// A folder with a page and a result.
fn folder(page: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let result = r#"{"figures": {"a_us": 31.2, "b_us": 15.6}, "conditions": {"#.to_owned()
        + r#""started": "", "took_s": 1, "seconds_per_figure": 5, "is_quick": false, "commit": "abc1234","#
        + r#""compiler": "", "profile": "", "processor": "", "cores": 2, "kernel": "", "file_system": "","#
        + r#""load_before": 0, "load_after": 0, "steal_percent": 0, "others_percent": 0, "flags": []}}"#;
    fs::write(folder.path().join("r.json"), result).expect("it is written");
    fs::write(folder.path().join("d.txt"), format!("one\n{}\n", "x".repeat(200))).expect("it is written");
    let path = folder.path().join("page.md");
    fs::write(&path, page).expect("it is written");
    (folder, path)
}

#[test]
fn every_page_shows_the_figures_of_the_results_that_it_names() {
    let root = repository();
    let mut blocks = 0;
    for page in pages(&root).expect("the pages are listed") {
        let text = read(&page).expect("a page is read");
        let expected = rendered(&root, &page, &Sources::new()).expect("a page is rendered");
        assert!(text == expected, "{}: run 'ordo-bench pages insert'", page.display());
        blocks += text.matches(OPENING).count();
    }
    assert!(blocks >= 2, "README and the page of numbers have figures");
}

#[test]
fn every_relative_link_of_a_page_leads_to_a_file() {
    for page in pages(&repository()).expect("the pages are listed") {
        let text = read(&page).expect("a page is read");
        let links = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
        for link in links.filter(|link| !link.is_empty() && !link.contains(':')) {
            let target = page.parent().expect("a page lies in a folder").join(link);
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
        }
    }
}

#[test]
fn every_path_that_a_page_names_in_code_exists() {
    let root = repository();
    let folders = ["core/", "journal/", "gateway/", "tools/", "bench/", "perf/"];
    for page in pages(&root).expect("the pages are listed") {
        let text = read(&page).expect("a page is read");
        let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let paths = quoted.filter_map(|code| code.split(' ').next());
        for path in paths.filter(|path| folders.iter().any(|folder| path.starts_with(folder))) {
            assert!(root.join(path).exists(), "{}: {path} does not exist", page.display());
        }
    }
}

#[test]
fn a_block_is_rendered_from_its_template_and_the_rest_of_the_page_is_left_alone() {
    let (folder, page) = folder(
        "# Page {run.x}\n<!-- figures demo=d.txt run=r.json\n| {run.a_us} | {run.a_us / run.b_us} | {run.commit} |\n{demo}\n\
         -->\nwhatever\n<!-- /figures -->\nend\n",
    );
    let text = rendered(folder.path(), &page, &Sources::new()).expect("it is rendered");
    let expected = format!(
        "# Page {{run.x}}\n<!-- figures demo=d.txt run=r.json\n| {{run.a_us}} | {{run.a_us / run.b_us}} | {{run.commit}} |\n\
         {{demo}}\n-->\n| 31.2 us | 2.00 | abc1234 |\none\n{}...\n<!-- /figures -->\nend\n",
        "x".repeat(COLUMNS_MAX)
    );
    assert_eq!(text, expected);
    fs::write(&page, &text).expect("it is written");
    assert_eq!(rendered(folder.path(), &page, &Sources::new()).expect("it is rendered"), text, "a second time");
    assert_eq!(sources(&page).expect("it is read"), ["d.txt", "r.json"]);
}

#[test]
fn a_newer_result_takes_the_place_of_the_one_that_a_block_names() {
    let (folder, page) = folder("<!-- figures run=gone.json\n{run.b_us}\n-->\n<!-- /figures -->\n");
    assert!(rendered(folder.path(), &page, &Sources::new()).is_err(), "the result is not there");
    let newer = Sources::from([("run".to_owned(), "r.json".to_owned())]);
    let text = rendered(folder.path(), &page, &newer).expect("it is rendered");
    assert_eq!(text, "<!-- figures run=r.json\n{run.b_us}\n-->\n15.6 us\n<!-- /figures -->\n");
}

#[test]
fn what_cannot_be_rendered_is_named_with_page_and_line() {
    for (block, why) in [
        ("<!-- figures run=r.json\n{run.c_us}\n-->\n<!-- /figures -->\n", "{run.c_us}: the result has no such figure"),
        (
            "<!-- figures run=r.json\n{old.a_us}\n-->\n<!-- /figures -->\n",
            "{old.a_us}: the block names no result 'old'",
        ),
        ("<!-- figures run=r.json\n{run.a_us\n-->\n<!-- /figures -->\n", "'{run.a_us': a brace is not closed"),
        ("<!-- figures run=r.json\n{run.a_us}\n-->\n", "the block has no '<!-- /figures -->'"),
        ("<!-- figures r.json\n-->\n<!-- /figures -->\n", "'r.json': a source is NAME=FILE"),
    ] {
        let (folder, page) = folder(&format!("one\n{block}"));
        let error = rendered(folder.path(), &page, &Sources::new()).expect_err(why).to_string();
        assert!(error.ends_with(&format!("page.md, line 2: {why}")), "{error}");
    }
}
