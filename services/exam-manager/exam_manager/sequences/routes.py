"""HTTP: sequences."""

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1/exam", tags=["sequences"])
