"""The log as any verifier reads it: C2SP checkpoint, key, tiles, and proofs. Each fetch is an entry, once a minute a key."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from archive.api.views import View, octets, text
from archive.queries import proofs
from portal.kernel.errors import Refusal

TEXT = {(200, "text/plain"): OpenApiTypes.STR}
BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class Checkpoint(View):
    @extend_schema(responses=TEXT, tags=["archive"], summary="The newest signed checkpoint (c2sp.org/tlog-checkpoint)")
    def get(self, request: Request) -> HttpResponse:
        return text(proofs.get_checkpoint_for(self.tell("checkpoint")))


class Key(View):
    @extend_schema(
        responses=TEXT, tags=["archive"], summary="The log's verifier key (vkey)",
        parameters=[OpenApiParameter("epoch", int, description="an earlier epoch's key; default: the one in force")],
    )  # fmt: skip
    def get(self, request: Request) -> HttpResponse:
        raw = request.query_params.get("epoch")
        if raw is not None and not (raw.isascii() and raw.isdigit() and len(raw) < 9):
            raise Refusal("bad_epoch", "The parameter epoch is a whole number.", field="epoch")
        return text(proofs.get_key_for(self.actor(), int(raw) if raw else None) + "\n")


class Proof(View):
    @extend_schema(
        responses=TEXT, tags=["archive"], summary="An inclusion proof (c2sp.org/tlog-proof@v1); 409 until integrated"
    )
    def get(self, request: Request, index: int) -> HttpResponse:
        return text(proofs.get_proof_for(self.tell("proof", "archive.proved"), index))


class Tile(View):
    @extend_schema(responses=BYTES, tags=["archive"], summary="A tile or entry bundle (c2sp.org/tlog-tiles)")
    def get(self, request: Request, path: str) -> HttpResponse:
        return octets(proofs.get_tile_for(self.tell("tile"), f"tile/{path}"))
