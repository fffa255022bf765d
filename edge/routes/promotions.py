"""REST route of the quote. Prices come from inventory, so that a caller need not know them."""

from __future__ import annotations

from grpc import StatusCode

from chassis import errors
from chassis.errors import ServiceError
from edge import problems
from edge.answers import Answer
from edge.call import Call
from edge.operation import options
from edge.routes import messages
from edge.routes.routers import under_v1
from edge.schemas import promotions as schema
from gen.inventory.v1.catalog_service_pb2 import BatchGetSkusRequest
from gen.inventory.v1.sku_pb2 import Sku
from gen.promo.v1 import promotion_service_pb2 as pb
from gen.promo.v1.quote_pb2 import Cart, CartLine, Quote, QuotedLine, SkippedPromotion

router = under_v1("promotions")

REASONS = messages.names(SkippedPromotion.Reason.items(), "REASON_")


@router.post("/promotions/quote", response_model=schema.QuoteAnswer, summary="Price a cart without changing anything")
@options(rest_names={"cart.customer_id": "customer.id", "cart.": ""})
async def quote_promotions(call: Call, body: schema.Quote) -> Answer:
    skus = await _skus(call, [line.sku for line in body.lines])
    cart = Cart(
        lines=[_priced(line, skus[line.sku], body.currency) for line in body.lines],
        customer_id=body.customer.id if body.customer else "",
        codes=body.codes,
        currency=body.currency,
        channel=body.channel,
    )
    response = await call.rpc(call.clients.promotions.QuotePromotions, pb.QuotePromotionsRequest(cart=cart))
    return Answer(to_rest(response.quote))


async def _skus(call: Call, wanted: list[str]) -> dict[str, Sku]:
    """The skus of the lines, each read once. ServiceError for one that is unknown or malformed."""
    request = BatchGetSkusRequest(skus=dict.fromkeys(wanted))
    try:
        found = await call.rpc(call.clients.catalog.BatchGetSkus, request)
    except ServiceError as refused:
        lines = {f"skus[{place}]": f"lines[{wanted.index(sku)}].sku" for place, sku in enumerate(request.skus)}
        raise problems.renamed(refused, lines) from refused
    if found.missing:
        sku = found.missing[0]
        details = {"field": f"lines[{wanted.index(sku)}].sku", "sku": sku}
        raise ServiceError(StatusCode.NOT_FOUND, "SKU_NOT_FOUND", f"there is no sku {sku}", details)
    return {sku.sku: sku for sku in found.skus}


def _priced(line: schema.QuoteLine, sku: Sku, currency: str) -> CartLine:
    """A cart line with its sku's price. ServiceError when the sku is priced in another currency."""
    if sku.price.currency != currency:
        path = "currency"
        error = errors.invalid(path, "CURRENCY_MISMATCH", f"{sku.sku} is not priced in {currency}")
        details = {"field": path, "sku": sku.sku, "currency": sku.price.currency}
        raise ServiceError(error.code, error.reason, error.message, details, error.violations)
    return CartLine(
        sku=line.sku, quantity=line.quantity, unit_price_minor=sku.price.amount_minor, category=sku.category
    )


def to_rest(quote: Quote) -> schema.QuoteAnswer:
    """A quote as REST shows it."""
    return {
        "subtotal": messages.money(quote.subtotal),
        "discount_total": messages.money(quote.discount_total),
        "total": messages.money(quote.total),
        "lines": [_line(line) for line in quote.lines],
        "applied": [
            {
                "promotion_id": applied.promotion_id,
                "name": applied.name,
                "code": applied.code,
                "amount": messages.money(applied.amount),
            }
            for applied in quote.applied
        ],
        "skipped": [_skipped(skipped) for skipped in quote.skipped],
        "quoted_at": messages.instant(quote.quote_time),
    }


def _line(line: QuotedLine) -> schema.QuotedLineAnswer:
    return {
        "sku": line.sku,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "subtotal_minor": line.subtotal_minor,
        "discounts": [
            {"promotion_id": part.promotion_id, "amount_minor": part.amount_minor} for part in line.discounts
        ],
        "total_minor": line.total_minor,
    }


def _skipped(skipped: SkippedPromotion) -> schema.SkippedAnswer:
    return {
        "promotion_id": skipped.promotion_id,
        "code": skipped.code,
        "reason": REASONS[skipped.reason],
        "node": skipped.node,
        "have": skipped.have,
        "want": skipped.want,
        "other_promotion_id": skipped.other_promotion_id,
    }
