"""`interop demo`: a server, a simulated ward and a stand-in EHR, each a process of its own, and a story that three witnesses have to prove.

START HERE: ``run``. Nothing here imports interop or pump_sim: both are started by command and met as their users meet them.
"""
