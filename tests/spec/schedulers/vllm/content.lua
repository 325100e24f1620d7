--- What a KV block holds, as vLLM knows it: a block's hash covers the block's tokens and the hash of the block before
-- it (0.11 v1/core/kv_cache_utils.py:547, 0.33 v1/core/kv_cache_utils.py:707), so two blocks are alike when all tokens
-- from the start of their sequences are. Here the sequences are paths down a tree, one step per token; a block's
-- content is the node at its end. Tokens are whole numbers; a text is a run of tokens of its own.
local content = {}
content.__index = content

local TEXT = 1 << 24                                      -- more tokens than any text has

function content.new()
  return setmetatable({ root = {}, texts = 0, number = {} }, content)
end

-- The i-th token of a text; equal names are equal texts.
function content:token(text, i)
  local number = self.number[text]
  if not number then
    self.texts = self.texts + 1
    number = self.texts
    self.number[text] = number
  end
  return number * TEXT + i
end

function content.after(node, token)
  local child = node[token]
  if not child then
    child = {}
    node[token] = child
  end
  return child
end

return content
