//! A store is the same, and so is what is said of the exports, however few rows may wait in memory
//! and however few are judged together.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use gainshare::config::project::Project;
use gainshare::ingest::{self, file::InputError, notes::Notes, record::Reject};
use gainshare::store::parts::Parts;
use gainshare::store::prepare::Files;
use gainshare::store::rejects;
use gainshare::store::spill::Room;

fn filled(project: &Project, room: Room<'_>) -> (Notes, Vec<Reject>, Files) {
    let store = tempfile::tempdir().unwrap();
    let parts = Parts::new(store.path(), room);
    let take = |rows: ingest::Rows| Ok(parts.add(&rows)?);
    let made = ingest::ingest_to::<InputError>(project, room, &take, &|_, _| {});
    let (notes, refused) = made.unwrap();
    let files = parts.finish().unwrap();
    rejects::write(store.path(), &refused).unwrap();
    let mut read = Vec::new();
    rejects::read(store.path(), |some| {
        read.extend_from_slice(some);
        Ok::<(), InputError>(())
    })
    .unwrap();
    (notes, read, files)
}

#[test]
fn little_room_makes_the_same_store() {
    for name in ["complete", "servicenow_focus"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("data")
            .join(name);
        let project = Project::read(&folder).unwrap();
        let (notes, rejects, files) = filled(&project, Room::memory());
        assert_eq!(
            rejects,
            ingest::ingest(&project, &|_, _| {}).unwrap().rejects
        );
        assert!(files.len() >= 10 && notes.accounts.iter().all(|a| a.closes()));
        let scratch = tempfile::tempdir().unwrap();
        for (budget, bin) in [(0, 30_000), (100_000, 1_000_000), (10_000_000, 1 << 40)] {
            let room = Room {
                budget,
                bin,
                ..Room::folder(scratch.path())
            };
            let (said, refused, made) = filled(&project, room);
            assert_eq!(refused, rejects, "{name} {budget} {bin}");
            assert_eq!(made, files, "{name} {budget} {bin}");
            assert_eq!(said, notes, "{name} {budget} {bin}");
        }
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
