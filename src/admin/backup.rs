//! A copy of a store, taken at one moment.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use http_body_util::BodyExt;
use hyper::Method;

use super::client::{ClientError, RestClient, checked};
use super::store::{self, AdminError};
use crate::cli::Place;

/// Writes a copy to a new file; one that is there is left alone.
pub async fn backup(place: &Place, file: &Path) -> Result<(), AdminError> {
    match place {
        Place::Server { url, key, tls } => {
            download(&RestClient::new(url, key.clone(), tls.clone()), file).await
        }
        Place::Store(data_dir) => {
            let fleet = store::open(data_dir, false)?;
            let copied = fleet.backup(file);
            store::close(fleet)?;
            copied?;
            Ok(())
        }
    }
}

async fn download(client: &RestClient, file: &Path) -> Result<(), AdminError> {
    let failed = |source| AdminError::File {
        path: file.to_owned(),
        source,
    };
    let mut copy = OpenOptions::new();
    let mut copy = copy
        .write(true)
        .create_new(true)
        // It has everybody's data: what is in it is for its owner alone, as the store is.
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    let received = async {
        let answer = client.send(Method::POST, "/admin/backup", None).await?;
        let mut body = checked(answer).await?.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ClientError::Http(error.to_string()))?;
            if let Ok(part) = frame.into_data() {
                copy.write_all(&part).map_err(failed)?;
            }
        }
        copy.sync_all().map_err(failed)
    };
    let received = received.await;
    if received.is_err() {
        // Half a copy is worse than none; it is ours, made above.
        let _ = std::fs::remove_file(file);
    }
    received
}
