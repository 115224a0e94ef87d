//! From exports to the store. Responsible for making it anew when exports or settings changed, and
//! for leaving it alone when they did not; not for what is worked out of it (see [`super`]).

use super::{Progress, RunError};
use crate::config::project::Project;
use crate::ingest;
use crate::ingest::notes::{self, Notes};
use crate::ingest::remote::{self, Local};
use crate::store::disk::{Reading, Staging};
use crate::store::index::{BUILD, Index, STORE_VERSION};
use crate::store::parts::Parts;
use crate::store::rejects;
use crate::store::spill::Room;

/// Reads all exports of a project into its store, which is replaced at once. Gives what was said
/// of them.
///
/// # Errors
/// When an export or the disk stops it; the former store then still stands.
pub fn fill(
    project: &Project,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Notes, RunError> {
    fill_local(remote::local(project)?, progress)
}

fn fill_local(
    local: Local<'_>,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Notes, RunError> {
    let project = &local.project;
    let staged = Staging::begin(&project.store_folder())?;
    progress(Progress::Stage("reading"));
    let room = Room::folder(staged.folder());
    let parts = Parts::new(staged.folder(), room);
    let (mut notes, refused) =
        ingest::ingest_to::<RunError>(project, room, &|rows| Ok(parts.add(&rows)?), &|file, n| {
            progress(Progress::Read(file, n))
        })?;
    notes.findings.extend(local.findings.iter().cloned());
    notes.findings.sort();
    progress(Progress::Stage("storing"));
    let index = Index {
        version: STORE_VERSION,
        build: BUILD.to_owned(),
        settings: notes::settings(project),
        files: parts.finish()?,
    };
    rejects::write(staged.folder(), &refused)?;
    notes.write(staged.folder())?;
    index.write(staged.folder())?;
    staged.publish()?;
    Ok(notes)
}

/// As [`fill`], unless the store was made of the same exports, byte for byte, with the same
/// settings by the same build: then nothing is done, and the answer is `false`.
///
/// # Errors
/// As [`fill`].
pub(super) fn fill_if_changed(
    project: &Project,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<bool, RunError> {
    let local = remote::local(project)?;
    if stands(&local.project)? {
        return Ok(false);
    }
    fill_local(local, progress)?;
    Ok(true)
}

fn stands(project: &Project) -> Result<bool, RunError> {
    let store = project.store_folder();
    if !store.is_dir() {
        return Ok(false);
    }
    let _reading = Reading::begin(&store)?;
    // What cannot be read is made anew.
    let (Ok(Some(index)), Ok(notes)) = (Index::read(&store), Notes::read(&store)) else {
        return Ok(false);
    };
    let same = index.build == BUILD && index.settings == notes::settings(project);
    Ok(same && index.missing(&store).is_none() && notes.are_of(project))
}
