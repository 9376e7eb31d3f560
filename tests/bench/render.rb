# A mail with ruby-liquid, as render.c has it: parsed once, and parsed for each,
# for SECONDS of CPU time. Prints how many a second of either.
#
#	ruby render.rb FILE LAYOUT PARTIAL SECONDS
#	ruby render.rb FILE LAYOUT PARTIAL print	the page
require 'json'
require 'liquid'

file, layout, partial, seconds = ARGV
step = File.read(partial)
Liquid::Template.file_system = Class.new { define_method(:read_template_file) { |_| step } }.new
head, body = File.read(file).split("\n\n", 2)
SOURCES = [head[/^Subject: (.*)/, 1], body, File.read(layout)]
PERSON = JSON.parse(File.read("#{__dir__}/person.json"))

def parse
  SOURCES.map { |source| Liquid::Template.parse(source, error_mode: :strict) }
end

def render(subject, body, layout)
  layout.render!(PERSON.merge('subject' => subject.render!(PERSON), 'preheader' => '',
                              'content' => body.render!(PERSON)))
end

def measure(seconds)
  now = -> { Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) }
  start, count = now.call, 0
  while now.call - start < seconds
    yield
    count += 1
  end
  (count / (now.call - start)).round
end

once = parse
if seconds == 'print'
  print render(*once)
else
  puts [measure(seconds.to_f) { render(*once) }, measure(seconds.to_f) { render(*parse) }].join(' ')
end
