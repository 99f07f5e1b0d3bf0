// The kinds of orders that the ticket offers, and the request that each becomes.

/** By name: its label, the fields that it needs, and which of them it may leave out. */
export const ORDER_TYPES = {
  LIMIT: { label: "Limit", fields: ["price", "quantity"], extras: ["tif", "iceberg"] },
  MARKET: { label: "Market", fields: ["quantity"], extras: ["inQuote"] },
  LIMIT_MAKER: { label: "Post only", fields: ["price", "quantity"], extras: ["iceberg"] },
  STOP_LOSS_LIMIT: { label: "Stop limit", fields: ["stop", "price", "quantity"], extras: ["tif", "iceberg"] },
  STOP_LOSS: { label: "Stop market", fields: ["stop", "quantity"], extras: [] },
  TAKE_PROFIT_LIMIT: { label: "Take profit limit", fields: ["stop", "price", "quantity"], extras: ["tif", "iceberg"] },
  TAKE_PROFIT: { label: "Take profit market", fields: ["stop", "quantity"], extras: [] },
  TRAILING: { label: "Trailing stop", fields: ["trail", "quantity"], extras: [] },
  OCO: { label: "OCO", fields: ["price", "stop", "quantity"], extras: ["stopLimit"] },
};

/** {path, parameters} of the request. `values`: texts by field; `name`: the client's own id for it. */
export function requestOf(type, side, symbol, values, name) {
  const common = { symbol, side, selfTradePreventionMode: values.stp };
  if (type === "OCO") return ocoRequest(common, side, values, name);
  const parameters = {
    ...common,
    type: type === "TRAILING" ? "STOP_LOSS" : type,
    newClientOrderId: name,
    newOrderRespType: "FULL",
  };
  const { fields, extras } = ORDER_TYPES[type];
  if (fields.includes("price")) parameters.price = values.price;
  if (fields.includes("stop")) parameters.stopPrice = values.stop;
  if (type === "TRAILING") parameters.trailingDelta = values.trail;
  if (extras.includes("tif")) parameters.timeInForce = values.iceberg ? "GTC" : values.tif;
  if (extras.includes("iceberg") && values.iceberg) parameters.icebergQty = values.iceberg;
  if (extras.includes("inQuote") && values.inQuote) parameters.quoteOrderQty = values.quantity;
  else parameters.quantity = values.quantity;
  return { path: "/api/v3/order", parameters };
}

function ocoRequest(common, side, values, name) {
  const [target, stop] = side === "SELL" ? ["above", "below"] : ["below", "above"];
  const parameters = {
    ...common,
    quantity: values.quantity,
    listClientOrderId: name,
    newOrderRespType: "RESULT",
    [`${target}Type`]: "LIMIT_MAKER",
    [`${target}Price`]: values.price,
    [`${stop}Type`]: values.stopLimit ? "STOP_LOSS_LIMIT" : "STOP_LOSS",
    [`${stop}StopPrice`]: values.stop,
  };
  if (values.stopLimit) {
    parameters[`${stop}Price`] = values.stopLimit;
    parameters[`${stop}TimeInForce`] = "GTC";
  }
  return { path: "/api/v3/orderList/oco", parameters };
}
