//! Parsing of the fenced code blocks of the pages.

pub(super) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub(super) struct Block {
    pub(super) page: String,
    /// The page and the line number, for messages.
    pub(super) place: String,
    pub(super) language: String,
    pub(super) text: String,
}

impl Block {
    /// Returns the text without the comments of a shell block. The French README translates them.
    pub(super) fn code(&self) -> String {
        if self.language != "sh" {
            return self.text.clone();
        }
        let without_comment = |line: &str| match line.find(" #") {
            _ if line.starts_with('#') => String::new(),
            Some(comment) => line[..comment].trim_end().to_owned(),
            None => line.to_owned(),
        };
        self.text.lines().map(without_comment).collect::<Vec<_>>().join("\n")
    }
}

/// Returns all blocks of all pages, in order.
pub(super) fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_in(page, &read(page))).collect()
}

/// Returns a page without its code blocks.
pub(super) fn prose(text: &str) -> String {
    let mut fenced = false;
    let kept = text.lines().filter(|line| {
        fenced ^= is_fence(line);
        !fenced && !is_fence(line)
    });
    kept.collect::<Vec<_>>().join("\n")
}

/// Returns the levels of the headings of a page.
pub(super) fn headings(page: &str) -> Vec<usize> {
    let text = read(page);
    let (mut levels, mut fenced) = (Vec::new(), false);
    for line in text.lines() {
        fenced ^= is_fence(line);
        if !fenced && line.starts_with('#') {
            levels.push(line.chars().take_while(|c| *c == '#').count());
        }
    }
    levels
}

pub(super) fn pages() -> Vec<String> {
    let guides = std::fs::read_dir(format!("{ROOT}/docs")).unwrap();
    let mut guides: Vec<_> =
        guides.map(|guide| format!("docs/{}", guide.unwrap().file_name().into_string().unwrap())).collect();
    guides.retain(|guide| guide.ends_with(".md"));
    guides.sort();
    ["README.md".into(), "README.fr.md".into()].into_iter().chain(guides).collect()
}

fn blocks_in(page: &str, text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if !is_fence(line) {
            continue;
        }
        let place = format!("{page}:{}", number + 1);
        let language = line.trim().trim_start_matches(['`', '~']).to_owned();
        let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| !is_fence(line)).collect();
        blocks.push(Block { page: page.to_owned(), place, language, text: body.join("\n") + "\n" });
    }
    blocks
}

fn is_fence(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("> ");
    line.starts_with("```") || line.starts_with("~~~")
}

pub(super) fn read(page: &str) -> String {
    std::fs::read_to_string(format!("{ROOT}/{page}")).unwrap()
}
