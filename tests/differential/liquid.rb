# SPDX-License-Identifier: MIT
#
# Liquid templates by chance, with what Debian's ruby-liquid makes of them, in
# the form that liquid_cases reads: ruby liquid.rb SEED COUNT
#
# The same seed gives the same cases. What ruby-liquid refuses has to be refused;
# where it stops on an error of its own (NoMethodError and the like), there is
# nothing to compare with, and the case is left out.
#
# Ours follows Shopify/liquid 5.13; Debian 12 has 5.4. Where they are known to
# differ, nothing is generated:
#
#   == blank               in 5.4 needs ActiveSupport
#   break in tablerow      is not obeyed in 5.4
#   find, find_index, has, reject, sum, doc: not in 5.4
#   where: nil             5.13 selects nothing, 5.4 stops
#   default: allow_false: true  without a value: 5.4 gives the arguments as a hash
#   sort: "n" of items that have no n, or of numbers: 5.4 goes by Ruby's []
#   map: 1                 Ruby's character or bit of that number
#   a comma or nil in the list of a cycle: 5.4 splits the text
#   {{{ and {{% in a comment: 5.4 stops
#   text, an empty {% liquid %}, {%-: 5.4 trims through the tag
#
# And ours is its own in this:
#
#   wrong numbers or names of arguments, also in a branch that does not run:
#     refused
#   <SCRIPT> in capitals   strip_html drops what is in it, too
#   dates that only Ruby's lenient reader takes ("a 3rd", "-12"): stay as they are
#   whole numbers past 64 bits: refused in arithmetic, no bignums
require 'json'
require 'liquid'

SEED = (ARGV[0] || 1).to_i
COUNT = (ARGV[1] || 1000).to_i
RNG = Random.new(SEED)

def pick(*list) = list[RNG.rand(list.size)]
def chance(percent) = RNG.rand(100) < percent
def times(range) = Array.new(RNG.rand(range)) { yield }

# -------------------------------------------------------------------- data

NEWLINE = "two\nlines"
WORDS = ['', ' ', 'a', 'b', 'Ada', 'ab c', 'x,y,,z', '  padded  ', NEWLINE,
         '3', '-12', '2.50', '1e3', '.5', '3abc', 'true', '<b>"A" & \'B\'</b>',
         'äöü', 'Straße', '日本', 'size', 'a.b', "\t", 'a a a', '%41+b', 'YWJj',
         '&lt;p&gt; &amp', '2016-03-14', '1152098955',
         '<p>x</p><!-- c --><i>y</i>z'].freeze

def word = pick(*WORDS)
def integer = pick(0, 1, 2, 3, 7, 10, -1, -7, 42, 1000, 99_999, RNG.rand(-50..50))
def float = pick(0.0, 1.0, 0.1, 2.5, -2.5, 0.5, -0.5, 3.14159, 1e16, 1e-7, 12.0, 0.30000000000000004)
def scalar = pick(word, word, integer, integer, float, true, false, nil)

def value(depth = 2)
  case RNG.rand(depth > 0 ? 10 : 6)
  when 0..5 then scalar
  when 6..7 then pick(times(0..4) { word }, times(0..4) { integer },
                      times(0..4) { value(depth - 1) })
  else NAMES.sample(RNG.rand(0..3), random: RNG).to_h { |k| [k, value(depth - 1)] }
  end
end

NAMES = %w[a b c title size first n].freeze

def data
  { 's' => word, 't' => word, 'i' => integer, 'j' => integer, 'f' => float,
    'yes' => true, 'no' => false, 'nothing' => nil, 'any' => value,
    'words' => times(0..5) { word }, 'numbers' => times(0..5) { integer },
    'mixed' => times(0..5) { value(1) },
    'rows' => times(0..4) { { 'a' => word, 'n' => pick(integer, integer, nil), 'title' => word } },
    'h' => { 'a' => scalar, 'b' => value(1), 'c' => times(0..3) { scalar } },
    'key' => pick(*NAMES), 'to' => pick('3', '2.5', '4abc', '', 2, nil) }
end

# ------------------------------------------------------------- expressions

def literal
  case RNG.rand(8)
  when 0..2 then integer.to_s
  when 3 then pick('0.5', '2.5', '-1.25', '10.0')
  when 4 then pick('true', 'false', 'nil', 'empty')
  else
    text = word
    text.include?('"') ? "'#{text.delete("'")}'" : "\"#{text}\""
  end
end

def path
  pick('s', 't', 'i', 'j', 'f', 'yes', 'no', 'nothing', 'any', 'words',
       'numbers', 'mixed', 'rows', 'h', 'key', 'unknown', 'x', 'y', 'item',
       'h.a', 'h.b', 'h.c', 'h.b.a', 'rows[0].a', 'rows.first.title',
       'rows.last.n', 'words[1]', 'words[-1]', 'numbers.first', 'words.size',
       's.size', 'h.size', 'h.first', 'h[key]', 'h["a"]', 'mixed[i]',
       'any.first', 'any.a', 'any[0]', 'item.a', 'item[0]', 'item[1]',
       'forloop.index', 'forloop.last', 'forloop.length', 'forloop.name',
       'forloop.parentloop.index0', 'i.size', 'numbers[i].size', '["s"]', '[key]')
end

def range = "(#{pick('1', '0', '-1', 'words.size', 'nothing')}..#{pick('1', '3', '5', 'to', 'words.size')})"
def expression = chance(40) ? literal : path
def array = pick('words', 'numbers', 'mixed', 'rows', 'any', 'h', 'h.c', 's', range, 'nothing')

# Name, what its arguments are made of, how many may be left out.
FILTERS = {
  abs: [], append: [:e], at_least: [:n], at_most: [:n], base64_encode: [],
  base64_url_safe_encode: [], capitalize: [], ceil: [], compact: [],
  concat: [:array], default: [:e, 1], divided_by: [:n], downcase: [], escape: [],
  escape_once: [], first: [], floor: [], join: [:s, 1], last: [], lstrip: [],
  map: [:key], minus: [:n], modulo: [:n], newline_to_br: [], plus: [:n],
  prepend: [:e], remove: [:s], remove_first: [:s], remove_last: [:s],
  replace: [:s, :s, 1], replace_first: [:s, :s, 1], replace_last: %i[s s],
  reverse: [], round: [:small, 1], rstrip: [], size: [], slice: [:small, :small, 1],
  sort: [], sort_natural: [], split: [:s], strip: [], strip_html: [],
  strip_newlines: [], times: [:n], truncate: [:small, :s, 2],
  truncatewords: [:small, :s, 2], uniq: [], upcase: [], url_decode: [],
  url_encode: [], where: [:key, :e, 1]
}.freeze

def argument(kind)
  return expression if chance(10) && kind != :key

  case kind
  when :n then pick(integer.to_s, integer.to_s, '2.5', 'i', 'f', 's', '"3"')
  when :small then pick('0', '1', '2', '3', '-1', '-3', '5', '20')
  when :s then pick('"a"', '","', '" "', '""', 's', 't', '"b"', "'<br>'")
  when :key then pick('"a"', '"n"', '"title"', 'key')
  when :array then array
  else expression
  end
end

def filter
  name, arguments = FILTERS.to_a[RNG.rand(FILTERS.size)]
  optional = arguments.last.is_a?(Integer) ? RNG.rand(0..arguments.last) : 0
  kinds = arguments.grep(Symbol)
  given = kinds.first(kinds.size - optional).map { |kind| argument(kind) }
  given << "allow_false: #{pick('true', 'false')}" if name == :default && given.any? && chance(20)
  given.empty? ? "| #{name}" : "| #{name}: #{given.join(', ')}"
end

def chain
  return "rows | sort: #{key = pick('"a"', '"n"')} | map: #{key}" if chance(2)

  [chance(30) ? array : expression, *times(0..3) { filter }].join(' ')
end

def comparison
  return expression if chance(25)

  "#{expression} #{pick('==', '!=', '<', '>', '<=', '>=', '<>', 'contains')} #{expression}"
end

def condition = [comparison, *times(0..2) { "#{pick('and', 'or')} #{comparison}" }].join(' ')

# -------------------------------------------------------------- templates

def open_tag = chance(12) ? '{%-' : '{%'
def close_tag = chance(12) ? '-%}' : '%}'
def date
  moment = pick('"2016-03-14"', '"2016-12-31T23:59:59Z"', '1152098955', '"March 1, 2024 08:05"',
                '"Mon, 02 Jan 2006 15:04:05 -0700"', RNG.rand(-10**9..4 * 10**9).to_s, 'nothing',
                '"2021-01-03 04:05:06 +0530"', '"1700000000"', '"tomorrowish"')
  format = times(1..4) do
    pick('%z', '%:z', "%#{pick('', '', '', '-', '0', '^', '_', '#', '10', '-3')}#{pick(*'YCymBbdejHIklMSLNApPaunsUWVGgDFTRrcxX%'.chars)}")
  end
  "{{ #{moment} | date: '#{format.join(pick(' ', '-', '/'))}' }}"
end

def tag(text) = "#{open_tag} #{text} #{close_tag}"
def output = "#{chance(10) ? '{{-' : '{{'} #{chain} #{chance(10) ? '-}}' : '}}'}"
def text = pick(' ', "\n", 'text', ' - ', '<p>', "a\n  b", '|', '', '{', '}}', '%')

def parameters
  parts = []
  parts << 'reversed' if chance(15)
  parts << "limit: #{pick('2', '1', 'i', '0')}" if chance(25)
  parts << "offset: #{pick('1', '2', 'j', 'continue')}" if chance(25)
  parts.empty? ? '' : " #{parts.join(' ')}"
end

def branches(depth)
  parts = []
  parts << tag("elsif #{condition}") + body(depth) if chance(30)
  parts << tag('else') + body(depth) if chance(40)
  parts.join
end

def cases(depth)
  parts = times(1..3) do
    values = [expression, *times(0..1) { expression }]
    tag("when #{values.join(pick(', ', ' or '))}") + body(depth)
  end
  parts << tag('else') + body(depth) if chance(50)
  parts.join
end

def block(depth)
  case RNG.rand(12)
  when 0..2 then tag("if #{condition}") + body(depth) + branches(depth) + tag('endif')
  when 3 then tag("unless #{condition}") + body(depth) + branches(depth) + tag('endunless')
  when 4..6
    jump = chance(20) ? tag("if #{condition}") + tag(pick('break', 'continue')) + tag('endif') : ''
    tag("for #{pick('item', 'x')} in #{array}#{parameters}") + body(depth) + jump + body(depth) +
      (chance(25) ? tag('else') + body(depth) : '') + tag('endfor')
  when 7 then tag("case #{expression}") + text.gsub(/\S/, '') + cases(depth) + tag('endcase')
  when 8 then tag("capture #{pick('x', 'y')}") + body(depth) + tag('endcapture')
  when 9 then tag("tablerow item in #{array}#{chance(50) ? " cols: #{pick('1', '2', 'i')}" : ''}") +
    pick('', 'x') + output + tag('endtablerow')
  when 10 then tag('comment') + body(depth).gsub(/[{%]+(?=\{[{%]|\z)/, '') + tag('endcomment')
  else tag('ifchanged') + body(depth) + tag('endifchanged')
  end
end

def lines
  body = ['# lines', *times(0..3) do
    pick("assign #{pick('x', 'y')} = #{chain}", "echo #{chain}", "increment #{pick('x', 'n')}",
         "if #{condition}\n  echo #{chain}\nelse\n  echo s\nendif", '', '# a comment')
  end]
  "{% liquid\n#{body.join("\n").gsub(NEWLINE, 'two lines')}\n%}"
end

def single
  case RNG.rand(12)
  when 0..3 then tag("assign #{pick('x', 'y', 'i')} = #{chain}")
  when 4 then tag("increment #{pick('x', 'n', 'i')}")
  when 5 then tag("decrement #{pick('x', 'n')}")
  when 6 then tag("cycle #{pick('', '', '"g": ', 's: ', '1: ')}#{[pick('s', 'item', '"p"'), path, '"q"', '7'].first(RNG.rand(1..4)).join(', ')}")
  when 7 then tag("echo #{chain}")
  when 8 then '{% raw %} {{ x }}{% if %} {% endraw %}'
  when 9 then tag('# a comment')
  when 10 then lines
  else partial
  end
end

def partial
  more = pick('', ', a: s', ", a: #{expression}, b: #{expression}")
  which = "'#{pick('one', 'loop', 'sets')}'"
  pick(tag("render #{which}#{more}"), tag("include #{which}#{more}"),
       tag("render #{which} with #{path} as a#{more}"),
       tag("render #{which} for #{array} as a"),
       tag("include #{which} with #{path}"),
       tag("include #{which} for #{array}"))
end

PARTIALS = {
  'one' => '[{{ a }}{{ one }}{{ x }}{{ s }}{{ forloop.index }}]',
  'loop' => '{% for i in (1..2) %}{{ i }}{{ forloop.parentloop.index }}{% cycle "p", "q" %}{% break %}{% endfor %}',
  'sets' => '{% assign x = "set" %}{% increment n %}{{ loop }}{{ sets }}{% if a %}{% break %}{% endif %}-'
}.freeze

def body(depth)
  times(0..3) do
    case RNG.rand(10)
    when 0..3 then chance(6) ? date : output
    when 4..5 then text
    when 6..7 then single
    else depth > 0 ? block(depth - 1) : output
    end
  end.join
end

# An output or a condition that is nearly one: something goes or comes.
def spoiled
  inside = chance(60) ? chain : condition
  at = RNG.rand(inside.size + 1)
  inside =
    if chance(40) then inside[0, at] + (inside[at + 1..] || '')
    else inside[0, at] + pick(' | ', ', ', ':', '.', ' x ', ' = ', '[', ')', ' ', '..', '!', '?', '-', '%', '/') + inside[at..]
    end
  return output if inside.match?(/where|[:,] *\w+:/)

  chance(60) ? "{{ #{inside} }}" : "{% if #{inside} %}yes{% endif %}"
end

# --------------------------------------------------------------------- run

class Partials
  def read_template_file(name)
    PARTIALS.fetch(name) { raise Liquid::FileSystemError, "no such template '#{name}'" }
  end
end

ENV['TZ'] = 'UTC'
Liquid::Template.file_system = Partials.new

def expect(test)
  template = Liquid::Template.parse(test['template'], error_mode: :strict)
  # data as globals: partials see it, and counters do not
  context = Liquid::Context.build(static_environments: test['data'], rethrow_errors: true)
  context.strict_filters = true
  { 'result' => template.render!(context) }
rescue Liquid::Error
  { 'invalid' => true }
rescue StandardError, SystemStackError
  nil
end

tests = []
number = 0
while tests.size < COUNT
  number += 1
  source = chance(5) ? spoiled : body(3)
  next if source.empty?

  test = { 'name' => "#{SEED}/#{number}", 'template' => source, 'data' => data,
           'templates' => PARTIALS }
  test['data'] = JSON.parse(JSON.generate(test['data']))
  expected = expect(test)
  # whole numbers are 64 bits wide here
  tests << test.merge(expected) if expected && expected['result'] !~ /\d{18}/
end
puts JSON.generate('tests' => tests)
