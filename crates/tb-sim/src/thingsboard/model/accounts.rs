//! Tenants and their users.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::clock;
use crate::ids::Uuid;
use crate::thingsboard::model::entity_id::EntityId;
use crate::thingsboard::settings::{Authority, Settings, User};

/// A user, with the ids that the server gave.
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) customer: Uuid,
    pub(crate) created: i64,
    pub(crate) user: User,
}

/// All users.
pub(crate) struct Accounts {
    accounts: Vec<Account>,
}

impl Accounts {
    pub(crate) fn new(settings: &Settings) -> Self {
        let first = User { name: settings.user.clone(), password: settings.password.clone(), ..User::default() };
        let mut tenants: HashMap<String, Uuid> = HashMap::new();
        let accounts = std::iter::once(&first).chain(&settings.more_users).map(|user| Account {
            id: Uuid::new(),
            tenant: *tenants.entry(user.tenant.clone()).or_insert_with(Uuid::new),
            customer: if user.authority == Authority::CustomerUser { Uuid::new() } else { Uuid::NULL },
            created: clock::milliseconds(),
            user: user.clone(),
        });
        Self { accounts: accounts.collect() }
    }

    pub(crate) fn tenants(&self) -> Vec<Uuid> {
        let mut tenants: Vec<Uuid> = self.accounts.iter().map(|account| account.tenant).collect();
        tenants.sort();
        tenants.dedup();
        tenants
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Account> {
        // A mail address, but the case of its letters counts.
        self.accounts.iter().find(|account| account.user.name == name)
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == id)
    }
}

impl Account {
    pub(crate) fn is_tenant_admin(&self) -> bool {
        self.user.authority == Authority::TenantAdmin
    }

    /// The form of `GET /api/auth/user`.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": EntityId::user(self.id),
            "createdTime": self.created,
            "tenantId": EntityId::tenant(self.tenant),
            "customerId": EntityId::customer(self.customer),
            "email": self.user.name,
            "authority": self.user.authority.as_str(),
            "firstName": null,
            "lastName": null,
            "phone": null,
            "name": self.user.name,
            "version": 1,
            "additionalInfo": null,
        })
    }
}
