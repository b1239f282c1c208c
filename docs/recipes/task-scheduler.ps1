# Windows Task Scheduler: watches from log-on, as the user who ran `ordersheet setup` (the key is in that user's keyring).
$program = (Get-Command ordersheet).Source
$action  = New-ScheduledTaskAction -Execute $program -Argument 'watch --log-format json' -WorkingDirectory $env:USERPROFILE
$trigger = New-ScheduledTaskTrigger -AtLogOn -User $env:USERNAME
$options = New-ScheduledTaskSettingsSet -MultipleInstances IgnoreNew -ExecutionTimeLimit 0 -RestartCount 10 -RestartInterval (New-TimeSpan -Minutes 5)
Register-ScheduledTask -TaskName 'ordersheet' -Action $action -Trigger $trigger -Settings $options
