# The onboarding mail with ruby-liquid, parsed once and rendered for SECONDS;
# prints how many a second: ruby render.rb TEMPLATES SECONDS
require 'json'
require 'liquid'

dir, seconds = ARGV
Liquid::Template.file_system = Liquid::LocalFileSystem.new("#{dir}/partials", '%s.liquid')
head, body = File.read("#{dir}/day-00-welcome.md").split("\n\n", 2)
subject = Liquid::Template.parse(head[/^Subject: (.*)/, 1])
body = Liquid::Template.parse(body)
layout = Liquid::Template.parse(File.read("#{dir}/layouts/default.html"))
person = JSON.parse(File.read("#{__dir__}/person.json"))

now = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
start, count = now.call, 0
while now.call - start < seconds.to_f
  line = subject.render!(person)
  layout.render!(person.merge('subject' => line, 'preheader' => '',
                              'content' => body.render!(person)))
  count += 1
end
puts (count / (now.call - start)).round
