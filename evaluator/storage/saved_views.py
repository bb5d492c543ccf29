"""Filters and orders of the list that people keep under a name."""

from sqlalchemy import Connection, RowMapping, func, select
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import NotFound, UsageFault
from evaluator.storage.tables import saved_view
from evaluator.values import Frozen

VIEWS_MAX = 30  # that one person may keep
VIEW_NAME_CHARS_MAX = 60
VIEW_QUERY_CHARS_MAX = 1_000


class SavedView(Frozen):
    """Filters and order under a name, for one person."""

    id: int
    name: str
    query: str  # of the list's address


_COLUMNS = (saved_view.c.id, saved_view.c.name, saved_view.c.query)


def saved_views(db: Connection, person_id: int, *, lock: bool = False) -> tuple[SavedView, ...]:
    """A person's views by name. lock: they stay as they are until the transaction ends."""
    query = select(*_COLUMNS).where(saved_view.c.person_id == person_id).order_by(saved_view.c.name)
    rows = db.execute(query.with_for_update() if lock else query)
    return tuple(_one(row) for row in rows.mappings())


def save_view(db: Connection, person_id: int, *, name: str, query: str) -> SavedView:
    """Keeps a view under a name, in place of an earlier one of that name; UsageFault for a name or number too many."""
    _check(name, query)
    known = select(func.count()).where(saved_view.c.person_id == person_id, saved_view.c.name != name)
    if db.execute(known).scalar_one() >= VIEWS_MAX:
        raise UsageFault(f"there are {VIEWS_MAX} saved views already; delete one first")
    statement = insert(saved_view).values(person_id=person_id, name=name, query=query)
    changed = statement.on_conflict_do_update(
        index_elements=[saved_view.c.person_id, saved_view.c.name], set_={"query": query}
    )
    return _one(db.execute(changed.returning(*_COLUMNS)).mappings().one())


def change_view(db: Connection, person_id: int, view_id: int, *, name: str, query: str) -> SavedView:
    """Gives one of the person's own views another name and query. NotFound; UsageFault, as `save_view`."""
    _check(name, query)
    theirs = (saved_view.c.id == view_id) & (saved_view.c.person_id == person_id)
    changed = saved_view.update().where(theirs).values(name=name, query=query).returning(*_COLUMNS)
    row = db.execute(changed).mappings().first()
    if row is None:
        raise NotFound("there is no saved view of this number")
    return _one(row)


def delete_view(db: Connection, person_id: int, view_id: int) -> None:
    """Forgets one of the person's own views; nobody else's."""
    db.execute(saved_view.delete().where(saved_view.c.id == view_id, saved_view.c.person_id == person_id))


def _check(name: str, query: str) -> None:
    if not 0 < len(name) <= VIEW_NAME_CHARS_MAX or len(query) > VIEW_QUERY_CHARS_MAX:
        raise UsageFault(f"a view needs a name of 1 to {VIEW_NAME_CHARS_MAX} characters")


def _one(row: RowMapping) -> SavedView:
    return SavedView.model_validate(dict(row))
