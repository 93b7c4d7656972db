"""A basket as pydantic models: what FastAPI's, BentoML's and MLflow's documentation give their endpoints."""

from pydantic import BaseModel, Field


class Line(BaseModel):
    """One product of a basket."""

    prod_code: str
    quantity: int = Field(ge=1)
    spend: float = Field(ge=0)
    prod_code_10: str | None = None
    prod_code_20: str | None = None
    prod_code_30: str | None = None
    prod_code_40: str | None = None


class Basket(BaseModel):
    """One basket."""

    basket_id: str
    shop_hour: int = Field(ge=0, le=23)
    shop_weekday: int = Field(ge=1, le=7)
    store_format: str
    store_region: str
    store_code: str = ""
    seg_1: str | None = None
    seg_2: str | None = None
    lines: list[Line] = Field(min_length=1)


class Prediction(BaseModel):
    """The class of a basket, and how sure the model is."""

    prediction: str
    probabilities: dict[str, float]
