from stepchat.chat.accumulator import accumulate
from stepchat.config.paths import Paths
from stepchat.sessions.pages import MOST_PAGES
from stepchat.sessions.store import SessionStore


async def test_the_newest_pages_are_kept(tmp_path):
    store = SessionStore.open(Paths(tmp_path, tmp_path, tmp_path), accumulate=accumulate)
    made = [await store.create(model="m", server="s", system=None) for _ in range(MOST_PAGES + 2)]
    for session in [*made, made[0]]:
        await store.save_page(session.id, "leaf", "key", ["one", "two"])
    kept = await store._read(lambda db: db.execute("SELECT session, rows FROM page ORDER BY number").fetchall())
    assert kept == [(session.id, "one\ntwo") for session in [*made[3:], made[0]]]
    await store.close()
