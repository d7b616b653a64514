//! Settings of an organization that its members change, not whoever runs the server.
//!
//! They are read into memory with the credentials, so a change holds on every server within a second.

use std::collections::HashMap;

use sqlx::Row as _;

use crate::catalog::Transaction;
use crate::{Catalog, Error, Organization};

/// Which range of time the console shows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DefaultRange {
    /// The last 24 hours.
    #[default]
    Day,
    /// The last 30 days.
    Month,
}

impl DefaultRange {
    /// Its name, as the API and the catalog have it.
    pub fn name(self) -> &'static str {
        match self {
            DefaultRange::Day => "24h",
            DefaultRange::Month => "30d",
        }
    }

    /// The range of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [DefaultRange::Day, DefaultRange::Month].into_iter().find(|range| range.name() == name)
    }
}

/// The settings of an organization. One that has none has the defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrganizationSettings {
    /// Which range of time the console shows first.
    pub default_range: DefaultRange,
}

impl Catalog {
    /// Puts settings in the place of those of an organization.
    pub async fn change_settings(
        &self,
        organization: &Organization,
        settings: OrganizationSettings,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.touch_credentials().await?;
        sqlx::query(
            "INSERT INTO organization_settings (organization, default_range) VALUES ($1, $2) \
             ON CONFLICT (organization) DO UPDATE SET default_range = excluded.default_range",
        )
        .bind(organization.id)
        .bind(settings.default_range.name())
        .execute(tx.connection())
        .await
        .map_err(Error::catalog("changing the settings of an organization"))?;
        tx.commit().await
    }
}

impl Transaction {
    /// The settings of every organization that has some, by its number.
    pub(crate) async fn all_settings(&mut self) -> Result<HashMap<i64, OrganizationSettings>, Error> {
        let doing = Error::catalog("reading the settings of organizations");
        let sql = "SELECT organization, default_range FROM organization_settings";
        let rows = sqlx::query(sql).fetch_all(self.connection()).await.map_err(&doing)?;
        let mut all = HashMap::with_capacity(rows.len());
        for row in rows {
            let name: String = row.try_get(1).map_err(&doing)?;
            let default_range = DefaultRange::from_name(&name).ok_or_else(|| Error::Damaged {
                what: "the settings of an organization".to_owned(),
                reason: format!("{name:?} is no range"),
            })?;
            all.insert(row.try_get(0).map_err(&doing)?, OrganizationSettings { default_range });
        }
        Ok(all)
    }
}
