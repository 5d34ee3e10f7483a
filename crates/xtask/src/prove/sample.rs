use anyhow::Result;
pub(crate) struct Sampled {
    pub(crate) runs: u64,
    pub(crate) violations: u64,
}
pub(crate) fn run() -> Result<Sampled> {
    Ok(Sampled { runs: 0, violations: 0 })
}
