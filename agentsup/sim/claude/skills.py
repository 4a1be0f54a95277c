"""Skills: folders of files with a SKILL.md, in versions.

Rules: API reference, "Skills".
"""

from __future__ import annotations

import io
import zipfile

import attrs

from agentsup.sim.exchange import Json, Request, Response
from agentsup.sim.pages import Paging, cut_page
from agentsup.sim.query import Query
from agentsup.sim.refusal import invalid, missing
from agentsup.sim.routing import Route
from agentsup.sim.table import Table
from agentsup.sim.world import World

from .gates import check_key
from .multipart import Part, read_parts

MOST_LABEL_CHARS = 255
LATEST = "latest"


@attrs.frozen
class SkillVersion:
    """One upload of a skill's folder."""

    id: str
    place: int
    skill_id: str
    name: str
    description: str
    files: tuple[Part, ...] = attrs.field(repr=False)
    created_at: str

    def view(self) -> Json:
        """The version as the API writes it."""
        return {
            "id": self.id,
            "type": "skill_version",
            "skill_id": self.skill_id,
            "name": self.name,
            "description": self.description,
            "created_at": self.created_at,
        }

    def archive(self) -> bytes:
        """The folder as a zip file."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for file in self.files:
                archive.writestr(zipfile.ZipInfo(file.filename or file.name), file.content)
        return out.getvalue()


@attrs.define(eq=False)
class Skill:
    """One skill with its versions."""

    id: str
    place: int
    display_name: str
    created_at: str
    updated_at: str
    versions: Table[SkillVersion]

    def view(self) -> Json:
        """The skill as the API writes it."""
        return {
            "id": self.id,
            "type": "skill",
            "display_name": self.display_name,
            "latest_version_id": self.latest.id,
            "source": {"type": "custom"},
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }

    @property
    def latest(self) -> SkillVersion:
        """The newest version."""
        return list(self.versions)[-1]


class Skills:
    """The skills and their endpoints."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._table: Table[Skill] = Table("skill")

    def routes(self) -> list[Route]:
        """Their lines of the routing table."""
        base, versions = "/v1/skills", "/v1/skills/{skill_id}/versions"
        return [
            Route("POST", base, self._create, check_key),
            Route("GET", base, self._list, check_key),
            Route("GET", f"{base}/{{skill_id}}", self._retrieve, check_key),
            Route("DELETE", f"{base}/{{skill_id}}", self._delete, check_key),
            Route("POST", versions, self._create_version, check_key),
            Route("GET", versions, self._list_versions, check_key),
            Route("GET", f"{versions}/{{version}}", self._retrieve_version, check_key),
            Route("DELETE", f"{versions}/{{version}}", self._delete_version, check_key),
            Route("GET", f"{versions}/{{version}}/content", self._download, check_key),
        ]

    def _skill(self, request: Request) -> Skill:
        return self._table.get(request.params["skill_id"])

    def _version(self, request: Request) -> tuple[Skill, SkillVersion]:
        skill = self._skill(request)
        key = request.params["version"]
        return skill, skill.latest if key == LATEST else skill.versions.get(key)

    def _make_version(self, skill: Skill, parts: list[Part]) -> SkillVersion:
        files, about = _read_folder(parts)
        version = SkillVersion(
            self._world.mint.id("skillver"),
            skill.versions.next_place(),
            skill.id,
            about["name"],
            about["description"],
            files,
            self._world.calendar.stamp(),
        )
        skill.updated_at = version.created_at
        return skill.versions.add(version)

    async def _create(self, request: Request) -> Response:
        parts = read_parts(request)
        labels = [part.content.decode("utf-8", "replace") for part in parts if part.name == "display_name"]
        if labels and not 0 < len(labels[0]) <= MOST_LABEL_CHARS:
            raise invalid("display_name", f"must have 1 to {MOST_LABEL_CHARS} characters")
        _, about = _read_folder(parts)
        now = self._world.calendar.stamp()
        label = labels[0] if labels else about["name"]
        versions: Table[SkillVersion] = Table("skill version")
        skill = Skill(self._world.mint.id("skill"), self._table.next_place(), label, now, now, versions)
        self._make_version(skill, parts)
        return Response.json(self._table.add(skill).view())

    async def _list(self, request: Request) -> Response:
        source = Query(request).text("source")
        rows = [skill for skill in self._table if source in (None, "custom")]
        page = cut_page(rows, lambda row: row.place, Paging.asked(request, default=20, most=1000), self._world.cursors)
        return Response.json(page.view(Skill.view))

    async def _retrieve(self, request: Request) -> Response:
        return Response.json(self._skill(request).view())

    async def _delete(self, request: Request) -> Response:
        skill = self._table.remove(request.params["skill_id"])
        return Response.json({"id": skill.id, "type": "skill_deleted"})

    async def _create_version(self, request: Request) -> Response:
        return Response.json(self._make_version(self._skill(request), read_parts(request)).view())

    async def _list_versions(self, request: Request) -> Response:
        paging = Paging.asked(request, default=20, most=1000)
        page = cut_page(self._skill(request).versions, lambda row: row.place, paging, self._world.cursors)
        return Response.json(page.view(SkillVersion.view))

    async def _retrieve_version(self, request: Request) -> Response:
        return Response.json(self._version(request)[1].view())

    async def _delete_version(self, request: Request) -> Response:
        skill, version = self._version(request)
        if len(skill.versions) == 1:
            raise invalid("version", "a skill holds at least one version: delete the skill")
        skill.versions.remove(version.id)
        return Response.json({"id": version.id, "type": "skill_version_deleted"})

    async def _download(self, request: Request) -> Response:
        _, version = self._version(request)
        if not version.files:
            raise missing("content of skill version", version.id)
        return Response(200, (("content-type", "application/zip"),), version.archive())


def _read_folder(parts: list[Part]) -> tuple[tuple[Part, ...], dict[str, str]]:
    """The files of one folder, and what the front matter of its SKILL.md says about it."""
    files = tuple(part for part in parts if part.name.removesuffix("[]") == "files" and part.filename)
    folders = {(file.filename or "").partition("/")[0] for file in files}
    if len(folders) > 1:
        raise invalid("files", "must be in one top-level folder")
    for file in files:
        if (file.filename or "").rpartition("/")[2] == "SKILL.md" and (file.filename or "").count("/") <= 1:
            return files, _read_front_matter(file.content.decode("utf-8", "replace"), folders.pop())
    raise invalid("files", "must include a SKILL.md at the root of the folder")


def _read_front_matter(text: str, folder: str) -> dict[str, str]:
    about = {"name": folder, "description": ""}
    if text.startswith("---\n"):
        for line in text.split("\n---", 1)[0].splitlines()[1:]:
            key, colon, value = line.partition(":")
            if colon and key in about and value.strip():
                about[key] = value.strip().strip("\"'")
    return about
