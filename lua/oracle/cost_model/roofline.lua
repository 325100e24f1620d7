--- The roofline of the data sheet: peaks times an efficiency each, for prefill and for decode.
return {
  parameters = function(c)
    local out = {}
    for k, v in pairs(c) do out[k] = v end
    out.kind = "roofline"
    out.prefill_mfu, out.decode_mfu = c.mfu or c.prefill_mfu, c.mfu or c.decode_mfu
    out.prefill_mbu, out.decode_mbu = c.mbu or c.prefill_mbu, c.mbu or c.decode_mbu
    out.mfu, out.mbu = nil, nil
    return out, { warnings = {} }
  end,
}
