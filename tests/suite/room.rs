//! A store is the same, and so is what is said of the exports, however few rows may wait in memory
//! and however few are judged together.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gainshare::config::project::Project;
use gainshare::ingest::{self, file::InputError, notes::Notes};
use gainshare::store::parts::Parts;
use gainshare::store::prepare::Files;
use gainshare::store::spill::Room;

fn filled(project: &Project, room: Room<'_>) -> (Notes, Files) {
    let store = tempfile::tempdir().unwrap();
    let parts = Parts::new(store.path(), room);
    let take = |rows: ingest::Rows| Ok(parts.add(&rows)?);
    let notes = ingest::ingest_to::<InputError>(project, room, &take, &|_, _| {}).unwrap();
    (notes, parts.finish().unwrap())
}

#[test]
fn little_room_makes_the_same_store() {
    for name in ["complete", "servicenow_focus"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("data")
            .join(name);
        let project = Project::read(&folder).unwrap();
        let (notes, files) = filled(&project, Room::memory());
        assert!(files.len() >= 10 && notes.accounts.iter().all(|a| a.closes()));
        let scratch = tempfile::tempdir().unwrap();
        for (budget, bin) in [(0, 30_000), (100_000, 1_000_000), (10_000_000, 1 << 40)] {
            let room = Room {
                budget,
                bin,
                ..Room::folder(scratch.path())
            };
            let (said, made) = filled(&project, room);
            assert_eq!(made, files, "{name} {budget} {bin}");
            assert_eq!(said, notes, "{name} {budget} {bin}");
        }
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
