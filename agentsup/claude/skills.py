"""Skills: folders with a SKILL.md that agents can read, in versions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

import attrs
import trio

from agentsup.claude.ask import Ask, at, query
from agentsup.claude.group import Group
from agentsup.claude.multipart import Data, Field, Form, file_field
from agentsup.claude.thing import Deleted, Raw, Thing
from agentsup.control.lists import Listing
from agentsup.errors import SpecError
from agentsup.talk.content import hidden

Folder = Mapping[str, Data] | str | os.PathLike[str]
"""A skill's folder: where it is, or its files by their paths (`sums/SKILL.md`), each as bytes or as a path to read from."""


@attrs.frozen(kw_only=True)
class Skill(Thing):
    """A skill."""

    display_name: str = ""
    latest_version_id: str = ""
    source: Raw = attrs.field(factory=dict)
    """Who made it: `{"type": "custom"}`."""

    created_at: str = ""
    updated_at: str = ""


@attrs.frozen(kw_only=True)
class SkillVersion(Thing):
    """One upload of a skill's folder."""

    skill_id: str = ""
    name: str = ""
    description: str = attrs.field(default="", repr=hidden)
    created_at: str = ""


class Skills(Group):
    """`client.skills`."""

    async def create(self, folder: Folder, *, display_name: str | None = None) -> Skill:
        """Upload a folder as a new skill. After an error that is `ambiguous`, look for one with your name in `list()`.

        Raises:
            SpecError: there is no file in it.
            OSError: a file cannot be read.
            ApiError: there is no skill, or nobody knows.
        """
        fields = await _fields(folder)
        if display_name is not None:
            fields.insert(0, Field("display_name", display_name.encode("utf-8", "replace")))
        return await self._post(Skill, "creating a skill", "/v1/skills", form=Form(fields), again=False)

    async def get(self, skill_id: str) -> Skill:
        """The skill.

        Raises:
            NotFound: there is none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(Skill, "looking up a skill", at("/v1/skills/{skill_id}", skill_id=skill_id))

    def list(self, *, source: str | None = None, limit: int | None = None, page: str | None = None) -> Listing[Skill]:
        """The skills; `source` chooses by who made them (`custom`, `anthropic`)."""
        asked = query(limit=limit, page=page, source=source)
        return self._list(Skill, "listing skills", "/v1/skills", asked)

    async def delete(self, skill_id: str) -> Deleted:
        """Remove it with its versions.

        Raises:
            ApiError: it cannot be deleted.
        """
        return await self._delete("deleting a skill", at("/v1/skills/{skill_id}", skill_id=skill_id), skill_id)


class SkillVersions(Group):
    """`client.skill_versions`."""

    _beta: ClassVar[str | None] = None

    async def create(self, skill_id: str, folder: Folder) -> SkillVersion:
        """Upload a folder as the skill's next version. After an error that is `ambiguous`, look in `list`.

        Raises:
            SpecError: there is no file in it.
            OSError: a file cannot be read.
            ApiError: there is no version, or nobody knows.
        """
        path = at("/v1/skills/{skill_id}/versions", skill_id=skill_id)
        form = Form(await _fields(folder))
        return await self._post(SkillVersion, "creating a skill version", path, form=form, again=False)

    async def get(self, skill_id: str, version_id: str) -> SkillVersion:
        """The version; `latest` names the newest.

        Raises:
            NotFound: the skill has none with that id.
            ApiError: it cannot be had.
        """
        return await self._get(SkillVersion, "looking up a skill version", _one(skill_id, version_id))

    def list(self, skill_id: str, *, limit: int | None = None, page: str | None = None) -> Listing[SkillVersion]:
        """A skill's versions, the newest first."""
        path = at("/v1/skills/{skill_id}/versions", skill_id=skill_id)
        return self._list(SkillVersion, "listing skill versions", path, query(limit=limit, page=page))

    async def delete(self, skill_id: str, version_id: str) -> Deleted:
        """Remove it; not the only one.

        Raises:
            ApiError: it cannot be deleted.
        """
        return await self._delete("deleting a skill version", _one(skill_id, version_id), version_id)

    async def read(self, skill_id: str, version_id: str) -> bytes:
        """The folder as a zip file, in memory as a whole.

        Raises:
            ApiError: it cannot be had.
        """
        ask = Ask(
            what="downloading a skill version",
            method="GET",
            path=f"{_one(skill_id, version_id)}/content",
            headers={"accept": "application/binary"},
            again=True,
        )
        async with self._line.body(ask) as pieces:
            return b"".join([piece async for piece in pieces])


def _one(skill_id: str, version_id: str) -> str:
    return at("/v1/skills/{skill_id}/versions/{version_id}", skill_id=skill_id, version_id=version_id)


async def _fields(folder: Folder) -> list[Field]:
    """The folder's files as parts, in order; the folder's own name stands first in each path."""
    if not isinstance(folder, Mapping):
        folder = await trio.to_thread.run_sync(_files_in, Path(folder))
    if not folder:
        raise SpecError.of("folder", "has no files: a skill needs a SKILL.md at least")
    return [file_field("files[]", data, filename=name, content_type=None) for name, data in folder.items()]


def _files_in(folder: Path) -> dict[str, Data]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    name = folder.resolve().name
    return {str(PurePosixPath(name, path.relative_to(folder).as_posix())): path for path in found}
