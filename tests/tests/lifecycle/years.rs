//! A store over many years: everything is renewed, every CA is replaced, and every client logs in or is refused as it
//! should be, after each step.

mod field;
mod operator;
mod world;

use operator::Operator;
use world::{Clients, Plan, World};

/// Four years with lifetimes of which three generations of the issuing CAs fit in.
const SHORT: Plan = Plan {
    clients: Clients::Quick,
    root_days: 2400,
    issuing_days: 1100,
    leaf_days: 360,
    step_days: 110,
    steps: 12,
    profile_from: 3,
};

/// 32 years. Each lifetime is less than half of that of the CA above it.
const LONG: Plan = Plan {
    clients: Clients::All,
    root_days: 14_600,
    issuing_days: 5_700,
    leaf_days: 825,
    step_days: 240,
    steps: 49,
    profile_from: 16,
};

#[test]
fn three_generations_of_every_issuing_ca_lock_no_device_out() {
    let operator = live(SHORT);
    for (ca, generation) in [("server-issuing", 3), ("devices-issuing", 3), ("server-root", 2), ("devices-root", 2)] {
        assert!(operator.newest(ca) >= generation, "{ca}: {:?}", operator.rolled());
    }
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_store_lives_32_years() {
    let operator = live(LONG);
    let years = (operator.world().clock.now() - world::START).whole_days() / 365;
    assert!(years >= 32, "{years}");
    for (ca, generation) in
        [("server-issuing", 3), ("devices-issuing", 3), ("server-root", 2), ("devices-root", 2), ("profile-pumps", 2)]
    {
        assert_eq!(operator.newest(ca), generation, "{ca}: {:?}", operator.rolled());
    }
}

/// Lives through a plan.
fn live(plan: Plan) -> Operator {
    let mut operator = Operator::new(World::new(plan));
    operator.world().check("the first day");
    for step in 1..=plan.steps {
        operator.step(step);
    }
    operator
}
