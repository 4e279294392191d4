#!/usr/bin/env bash
# A Slurm of one node on this machine, to try a script for a job array on: nothing outside of DIR is touched, and no
# service of the system. For root, with Debian's slurm-wlm and munge.
#
#   tools/slurm/one-node.sh start DIR    starts it, and prints what to set so that sbatch and squeue find it
#   tools/slurm/one-node.sh stop DIR     ends it
set -euo pipefail

[ $# = 2 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$2"
dir=$(cd "$2" && pwd)
conf=$dir/slurm.conf

stop() {
  for name in slurmd slurmctld munged; do
    pid=$(cat "$dir/$name.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
    rm -f "$dir/$name.pid"
  done
}

# One on which nobody listens now.
free_port() {
  local port
  for port in $(shuf -i 20000-60000 -n 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}

start() {
  for command in munged slurmctld slurmd sbatch; do
    command -v "$command" >/dev/null || { echo "$command is not installed: apt-get install slurm-wlm munge" >&2; exit 1; }
  done
  [ "$(id -u)" = 0 ] || { echo 'Slurm starts the jobs of others: this takes root' >&2; exit 1; }
  chmod 755 "$dir"
  mkdir -p "$dir/spool" "$dir/state"
  (umask 077; head -c 1024 /dev/urandom >"$dir/munge.key")
  host=$(hostname -s)
  cat >"$conf" <<END
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
# More processors than there may be: a script asks for four a task.
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=${CPUS:-8} State=UNKNOWN
PartitionName=main Nodes=$host Default=YES State=UP
END
  export SLURM_CONF=$conf
  trap stop ERR
  munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge.seed"
  slurmctld -f "$conf"
  slurmd -f "$conf" -N "$host"
  for _ in $(seq 100); do
    [ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && break
    sleep 0.2
  done
  sinfo >&2
  echo "export SLURM_CONF=$conf"
}

"$1"
