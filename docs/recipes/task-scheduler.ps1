# Windows Task Scheduler: weekdays at 06:10, as the user who ran `ordersheet setup` (the key is in that user's keyring).
$folder  = Join-Path $env:USERPROFILE 'orders'
$command = 'ordersheet send incoming\$(Get-Date -Format yyyy-MM-dd).xlsx --yes --no-progress --batch (Get-Date -Format yyyy-MM-dd) --allow-empty *>> send.log; exit $LASTEXITCODE'
$action  = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument "-NoProfile -Command `"$command`"" -WorkingDirectory $folder
$trigger = New-ScheduledTaskTrigger -Weekly -DaysOfWeek Monday, Tuesday, Wednesday, Thursday, Friday -At 06:10
$options = New-ScheduledTaskSettingsSet -StartWhenAvailable -MultipleInstances IgnoreNew -ExecutionTimeLimit (New-TimeSpan -Hours 4)
Register-ScheduledTask -TaskName 'ordersheet' -Action $action -Trigger $trigger -Settings $options
