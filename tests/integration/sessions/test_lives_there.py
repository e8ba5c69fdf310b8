"""Rule 1 through the services, BASE to NEAR."""

from tests.integration.sessions.lives import Life, every_life, live
from tests.integration.sessions.world import THERE


@every_life
def test_rule_1_every_life_through_the_services_ends_atomically(
    transactional_db: None, life: Life
) -> None:
    live(THERE, life)
