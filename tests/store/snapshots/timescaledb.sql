-- table usage_ancestor
span bigint NOT NULL,
parent bigint,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text,
user_id text,
agent text,
channel text

-- table usage_by_agent_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_agent_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
agent text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_conversation_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_conversation_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_conversation_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_conversation_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
conversation text,
agent text,
item_name text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_model_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
model text,
provider text,
operation text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_model_alone_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
model text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_1d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_1h
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_source_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL,
durations bigint[] NOT NULL,
first_tokens bigint[] NOT NULL

-- table usage_by_user_108d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_user_36d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_user_3d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_by_user_9d
bucket timestamp with time zone NOT NULL,
calls bigint NOT NULL,
failed_calls bigint NOT NULL,
unpriced_calls bigint NOT NULL,
unmeasured_calls bigint NOT NULL,
input_tokens bigint NOT NULL,
output_tokens bigint NOT NULL,
cache_read_tokens bigint NOT NULL,
cache_write_tokens bigint NOT NULL,
reasoning_tokens bigint NOT NULL,
cost_nano bigint NOT NULL,
duration_us bigint NOT NULL,
user_id text,
source text,
project text NOT NULL,
credits_nano numeric NOT NULL,
suspect_calls bigint NOT NULL,
cache_write_1h_tokens bigint NOT NULL,
input_cost_nano bigint NOT NULL,
cache_read_cost_nano bigint NOT NULL,
cache_write_cost_nano bigint NOT NULL,
output_cost_nano bigint NOT NULL,
unpriced_input_tokens bigint NOT NULL,
unpriced_output_tokens bigint NOT NULL,
timed_calls bigint NOT NULL,
timed_output_tokens bigint NOT NULL,
timed_output_us bigint NOT NULL,
first_token_calls bigint NOT NULL,
first_token_us bigint NOT NULL

-- table usage_conversation
first_at timestamp with time zone NOT NULL,
last_at timestamp with time zone NOT NULL,
project text NOT NULL,
conversation text NOT NULL,
title usage_quote,
agent usage_quote,
channel usage_quote,
user_id usage_quote

-- table usage_conversation_turn
first_at timestamp with time zone NOT NULL,
last_at timestamp with time zone NOT NULL,
conversation bigint NOT NULL,
turn bigint NOT NULL,
model bigint

-- table usage_credit_plan
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
project text NOT NULL,
period text NOT NULL,
zone text NOT NULL,
included_nano numeric NOT NULL,
price numeric NOT NULL

-- table usage_credit_rule
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
project text NOT NULL,
model text,
channel text,
per_call numeric,
per_1k_tokens numeric

-- table usage_fingerprint
started_at timestamp with time zone NOT NULL,
ended_at timestamp with time zone NOT NULL,
size bigint NOT NULL,
output_tokens bigint,
call_started_at timestamp with time zone NOT NULL,
call bigint NOT NULL,
seen_at timestamp with time zone NOT NULL,
project text NOT NULL,
scope text NOT NULL,
response_id text

-- table usage_identity
started_at timestamp with time zone NOT NULL,
record bigint NOT NULL,
parent bigint,
key uuid NOT NULL,
flags smallint

-- table usage_ingest
count bigint NOT NULL,
first_seen timestamp with time zone NOT NULL,
last_seen timestamp with time zone NOT NULL,
project text NOT NULL,
outcome text NOT NULL,
detail text NOT NULL

-- table usage_key
created_at timestamp with time zone NOT NULL,
expires_at timestamp with time zone,
revoked_at timestamp with time zone,
id text NOT NULL,
digest bytea NOT NULL,
access text NOT NULL,
project text,
user_id text,
agent text,
label text

-- table usage_label
key uuid NOT NULL,
project text NOT NULL,
label text NOT NULL

-- table usage_mark
bucket timestamp with time zone NOT NULL,
project text NOT NULL,
taken boolean NOT NULL

-- table usage_measure
number smallint NOT NULL,
type text NOT NULL,
name text NOT NULL,
amount text NOT NULL

-- table usage_migration
version integer NOT NULL,
name text NOT NULL,
sha256 bytea NOT NULL,
applied_at timestamp with time zone NOT NULL

-- table usage_model
key bigint NOT NULL,
project text NOT NULL,
model text NOT NULL

-- table usage_observation
started_at timestamp with time zone NOT NULL,
id bigint NOT NULL,
duration_us bigint NOT NULL,
input_tokens bigint,
output_tokens bigint,
cache_read_tokens bigint,
cache_write_tokens bigint,
reasoning_tokens bigint,
cost_nano bigint,
credits_nano bigint NOT NULL,
failed boolean NOT NULL,
cost_reported boolean NOT NULL,
trace_id bytea NOT NULL,
span_id bytea NOT NULL,
project text NOT NULL,
source text NOT NULL,
operation text NOT NULL,
name text,
agent text,
conversation text,
user_id text,
channel text,
service text,
environment text,
provider text,
request_model text,
response_model text,
error_type text,
cache_write_1h_tokens bigint,
input_cost_nano bigint,
cache_read_cost_nano bigint,
cache_write_cost_nano bigint,
output_cost_nano bigint,
service_tier text,
suspect boolean NOT NULL,
call_started_at timestamp with time zone NOT NULL,
call bigint NOT NULL,
parent bigint,
flags smallint NOT NULL,
seen_at timestamp with time zone NOT NULL,
first_token_us bigint,
credits_reported boolean NOT NULL,
turn text,
attributes jsonb

-- table usage_price
since timestamp with time zone,
set_at timestamp with time zone NOT NULL,
model text NOT NULL,
provider text,
input numeric NOT NULL,
output numeric NOT NULL,
cache_read numeric,
cache_write numeric,
cache_write_1h numeric,
reasoning numeric,
per_call numeric NOT NULL,
project text

-- table usage_record
started_at timestamp with time zone NOT NULL,
id bigint NOT NULL,
duration_us bigint NOT NULL,
input_tokens bigint,
output_tokens bigint,
cache_read_tokens bigint,
cache_write_tokens bigint,
reasoning_tokens bigint,
cost_nano bigint,
credits_nano bigint NOT NULL,
failed boolean NOT NULL,
cost_reported boolean NOT NULL,
trace_id bytea NOT NULL,
span_id bytea NOT NULL,
project text NOT NULL,
source text NOT NULL,
operation text NOT NULL,
name text,
agent text,
conversation text,
user_id text,
channel text,
service text,
environment text,
provider text,
request_model text,
response_model text,
error_type text,
cache_write_1h_tokens bigint,
input_cost_nano bigint,
cache_read_cost_nano bigint,
cache_write_cost_nano bigint,
output_cost_nano bigint,
service_tier text,
suspect boolean NOT NULL,
first_token_us bigint,
credits_reported boolean NOT NULL,
turn text,
attributes jsonb

-- table usage_retention
single boolean NOT NULL,
kept_since timestamp with time zone

-- table usage_settled
until timestamp with time zone NOT NULL,
project text NOT NULL

-- table usage_unsettled
day timestamp with time zone NOT NULL,
since timestamp with time zone NOT NULL,
project text NOT NULL

-- index usage_ancestor_parent
CREATE INDEX usage_ancestor_parent ON usage_ancestor USING btree (project, parent) WHERE (parent IS NOT NULL)

-- index usage_ancestor_pkey
CREATE UNIQUE INDEX usage_ancestor_pkey ON usage_ancestor USING btree (project, span)

-- index usage_ancestor_seen
CREATE INDEX usage_ancestor_seen ON usage_ancestor USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_by_agent_108d_bucket
CREATE INDEX usage_by_agent_108d_bucket ON usage_by_agent_108d USING btree (project, bucket)

-- index usage_by_agent_36d_bucket
CREATE INDEX usage_by_agent_36d_bucket ON usage_by_agent_36d USING btree (project, bucket)

-- index usage_by_agent_3d_bucket
CREATE INDEX usage_by_agent_3d_bucket ON usage_by_agent_3d USING btree (project, bucket)

-- index usage_by_agent_9d_bucket
CREATE INDEX usage_by_agent_9d_bucket ON usage_by_agent_9d USING btree (project, bucket)

-- index usage_by_conversation_108d_bucket
CREATE INDEX usage_by_conversation_108d_bucket ON usage_by_conversation_108d USING btree (project, bucket)

-- index usage_by_conversation_36d_bucket
CREATE INDEX usage_by_conversation_36d_bucket ON usage_by_conversation_36d USING btree (project, bucket)

-- index usage_by_conversation_3d_bucket
CREATE INDEX usage_by_conversation_3d_bucket ON usage_by_conversation_3d USING btree (project, bucket)

-- index usage_by_conversation_9d_bucket
CREATE INDEX usage_by_conversation_9d_bucket ON usage_by_conversation_9d USING btree (project, bucket)

-- index usage_by_model_108d_bucket
CREATE INDEX usage_by_model_108d_bucket ON usage_by_model_108d USING btree (project, bucket)

-- index usage_by_model_36d_bucket
CREATE INDEX usage_by_model_36d_bucket ON usage_by_model_36d USING btree (project, bucket)

-- index usage_by_model_3d_bucket
CREATE INDEX usage_by_model_3d_bucket ON usage_by_model_3d USING btree (project, bucket)

-- index usage_by_model_9d_bucket
CREATE INDEX usage_by_model_9d_bucket ON usage_by_model_9d USING btree (project, bucket)

-- index usage_by_model_alone_108d_bucket
CREATE INDEX usage_by_model_alone_108d_bucket ON usage_by_model_alone_108d USING btree (project, bucket)

-- index usage_by_model_alone_1d_bucket
CREATE INDEX usage_by_model_alone_1d_bucket ON usage_by_model_alone_1d USING btree (project, bucket)

-- index usage_by_model_alone_36d_bucket
CREATE INDEX usage_by_model_alone_36d_bucket ON usage_by_model_alone_36d USING btree (project, bucket)

-- index usage_by_model_alone_3d_bucket
CREATE INDEX usage_by_model_alone_3d_bucket ON usage_by_model_alone_3d USING btree (project, bucket)

-- index usage_by_model_alone_9d_bucket
CREATE INDEX usage_by_model_alone_9d_bucket ON usage_by_model_alone_9d USING btree (project, bucket)

-- index usage_by_source_108d_bucket
CREATE INDEX usage_by_source_108d_bucket ON usage_by_source_108d USING btree (project, bucket)

-- index usage_by_source_1d_bucket
CREATE INDEX usage_by_source_1d_bucket ON usage_by_source_1d USING btree (project, bucket)

-- index usage_by_source_1h_bucket
CREATE INDEX usage_by_source_1h_bucket ON usage_by_source_1h USING btree (project, bucket)

-- index usage_by_source_36d_bucket
CREATE INDEX usage_by_source_36d_bucket ON usage_by_source_36d USING btree (project, bucket)

-- index usage_by_source_9d_bucket
CREATE INDEX usage_by_source_9d_bucket ON usage_by_source_9d USING btree (project, bucket)

-- index usage_by_user_108d_bucket
CREATE INDEX usage_by_user_108d_bucket ON usage_by_user_108d USING btree (project, bucket)

-- index usage_by_user_36d_bucket
CREATE INDEX usage_by_user_36d_bucket ON usage_by_user_36d USING btree (project, bucket)

-- index usage_by_user_3d_bucket
CREATE INDEX usage_by_user_3d_bucket ON usage_by_user_3d USING btree (project, bucket)

-- index usage_by_user_9d_bucket
CREATE INDEX usage_by_user_9d_bucket ON usage_by_user_9d USING btree (project, bucket)

-- index usage_conversation_pkey
CREATE UNIQUE INDEX usage_conversation_pkey ON usage_conversation USING btree (project, conversation)

-- index usage_conversation_turn_key
CREATE UNIQUE INDEX usage_conversation_turn_key ON usage_conversation_turn USING btree (conversation, turn, model) NULLS NOT DISTINCT

-- index usage_credit_plan_project_since_key
CREATE UNIQUE INDEX usage_credit_plan_project_since_key ON usage_credit_plan USING btree (project, since) NULLS NOT DISTINCT

-- index usage_credit_rule_project_model_channel_since_key
CREATE UNIQUE INDEX usage_credit_rule_project_model_channel_since_key ON usage_credit_rule USING btree (project, model, channel, since) NULLS NOT DISTINCT

-- index usage_fingerprint_call
CREATE INDEX usage_fingerprint_call ON usage_fingerprint USING btree (project, call_started_at, call)

-- index usage_fingerprint_seen
CREATE INDEX usage_fingerprint_seen ON usage_fingerprint USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_fingerprint_size
CREATE INDEX usage_fingerprint_size ON usage_fingerprint USING btree (project, size, started_at)

-- index usage_identity_parent
CREATE INDEX usage_identity_parent ON usage_identity USING btree (parent) WHERE (parent IS NOT NULL)

-- index usage_identity_pkey
CREATE UNIQUE INDEX usage_identity_pkey ON usage_identity USING btree (key)

-- index usage_identity_time
CREATE INDEX usage_identity_time ON usage_identity USING brin (started_at) WITH (pages_per_range='32')

-- index usage_ingest_pkey
CREATE UNIQUE INDEX usage_ingest_pkey ON usage_ingest USING btree (project, outcome, detail)

-- index usage_key_digest_key
CREATE UNIQUE INDEX usage_key_digest_key ON usage_key USING btree (digest)

-- index usage_key_pkey
CREATE UNIQUE INDEX usage_key_pkey ON usage_key USING btree (id)

-- index usage_label_pkey
CREATE UNIQUE INDEX usage_label_pkey ON usage_label USING btree (project, key)

-- index usage_label_search
CREATE INDEX usage_label_search ON usage_label USING gin (label COLLATE "default" gin_trgm_ops)

-- index usage_mark_bucket
CREATE INDEX usage_mark_bucket ON usage_mark USING btree (project, bucket)

-- index usage_measure_name_key
CREATE UNIQUE INDEX usage_measure_name_key ON usage_measure USING btree (name)

-- index usage_measure_pkey
CREATE UNIQUE INDEX usage_measure_pkey ON usage_measure USING btree (number)

-- index usage_migration_pkey
CREATE UNIQUE INDEX usage_migration_pkey ON usage_migration USING btree (version)

-- index usage_model_pkey
CREATE UNIQUE INDEX usage_model_pkey ON usage_model USING btree (project, key)

-- index usage_observation_pkey
CREATE UNIQUE INDEX usage_observation_pkey ON usage_observation USING btree (project, call_started_at, call, trace_id, span_id)

-- index usage_observation_seen
CREATE INDEX usage_observation_seen ON usage_observation USING brin (seen_at) WITH (pages_per_range='32')

-- index usage_price_project_model_provider_since_key
CREATE UNIQUE INDEX usage_price_project_model_provider_since_key ON usage_price USING btree (project, model, provider, since) NULLS NOT DISTINCT

-- index usage_record_conversation
CREATE INDEX usage_record_conversation ON usage_record USING btree (project, conversation, started_at DESC, id DESC) WHERE (conversation IS NOT NULL)

-- index usage_record_label
CREATE INDEX usage_record_label ON usage_record USING btree (usage_search_key(project, name, agent, conversation, user_id, request_model, response_model), started_at)

-- index usage_record_pkey
CREATE UNIQUE INDEX usage_record_pkey ON usage_record USING btree (project, started_at, id)

-- index usage_record_title
CREATE INDEX usage_record_title ON usage_record USING btree (project, conversation, started_at DESC, id DESC) WHERE ((conversation IS NOT NULL) AND (name IS NOT NULL))

-- index usage_retention_pkey
CREATE UNIQUE INDEX usage_retention_pkey ON usage_retention USING btree (single)

-- index usage_settled_pkey
CREATE UNIQUE INDEX usage_settled_pkey ON usage_settled USING btree (project)

-- index usage_unsettled_day
CREATE INDEX usage_unsettled_day ON usage_unsettled USING btree (project, day)

-- aggregate usage_entries
array_append of bigint[] from {}

-- aggregate usage_histogram_of
array_append of bigint[] from {}

-- aggregate usage_histogram_sum
array_cat of bigint[] from {}

-- aggregate usage_sum
int8pl of bigint from 0

-- function usage_build_base_rollups
CREATE OR REPLACE FUNCTION usage_build_base_rollups()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    record_sums constant text := (
        -- Sums of bigint are numeric, which is slow to add up again.
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN 'usage_histogram_of((%1$s << 40) + 1) AS %3$I'
                    ELSE 'sum(%1$s)::%2$s AS %3$I'
                END, amount, type, name
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    rollup_sums constant text := (
        SELECT string_agg(
            format(
                CASE type
                    WHEN 'histogram' THEN 'usage_histogram_sum(r.%1$I) AS %1$I'
                    ELSE 'sum(r.%1$I)::%2$s AS %1$I'
                END, name, type
            ), ', ' ORDER BY number
        )
        FROM usage_measure
    );
    -- Read as they are, without the time that it takes to make one entry of those of a class.
    marked_sums constant text := replace(record_sums, 'usage_histogram_of(', 'usage_entries(');
    measures constant text := (SELECT string_agg('r.' || name, ', ' ORDER BY number) FROM usage_measure);
    since timestamptz;
    family record;
    level record;
    columns text; -- of a rollup
    keys text; -- ordinals of what rows are grouped by
    finest text; -- the family's finest grain
    finer text; -- the aggregate below, and what reads marked buckets from it and from those below it
    finer_grain text;
    from_finer text;
    past text[]; -- the measures of what is carried over
BEGIN
    -- No refresh is under way, no record is written and the time since when they are kept does not move.
    PERFORM pg_advisory_xact_lock(1970497394, 3);
    LOCK TABLE usage_record IN SHARE ROW EXCLUSIVE MODE;
    PERFORM pg_advisory_xact_lock(1970497394, 1);
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');

    -- Every record is in a bucket that is marked or in the aggregate.
    INSERT INTO usage_mark (project, bucket)
    SELECT DISTINCT r.project, r.bucket FROM usage_by_model_15m AS r WHERE r.bucket >= since;

    -- Coarse ones first: they stand on the finer ones.
    FOR level IN
        SELECT name
        FROM unnest(ARRAY[
            'usage_by_model_1d', 'usage_by_model_1h', 'usage_by_model_15m', 'usage_by_agent_1d', 'usage_by_agent_1h',
            'usage_by_conversation_1d', 'usage_by_user_1d'
        ]) WITH ORDINALITY AS rollup (name, number)
        ORDER BY number
    LOOP
        EXECUTE format(
            'CREATE TEMPORARY TABLE %I ON COMMIT DROP AS SELECT r.* FROM %I AS r WHERE r.bucket < %L',
            level.name || '_past', level.name, since
        );
        EXECUTE format('DROP FUNCTION %I (text, timestamptz, timestamptz)', level.name);
        EXECUTE format('DROP FUNCTION %I (text, timestamptz, timestamptz)', level.name || '_marked');
        EXECUTE format('DROP MATERIALIZED VIEW %I', level.name);
    END LOOP;

    FOR family IN
        SELECT * FROM (VALUES
            ('usage_by_model',
             'r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation',
             ARRAY['source', 'model', 'provider', 'operation'], ARRAY['15m', '1h', '1d']),
            ('usage_by_agent', 'r.agent, r.source', ARRAY['agent', 'source'], ARRAY['1h', '1d']),
            ('usage_by_conversation',
             'r.conversation, r.agent,
              CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END AS item_name, r.source',
             ARRAY['conversation', 'agent', 'item_name', 'source'], ARRAY['1d']),
            ('usage_by_user', 'r.user_id, r.source', ARRAY['user_id', 'source'], ARRAY['1d'])
        ) AS f (name, of_record, dimensions, suffixes)
    LOOP
        columns := (SELECT string_agg('r.' || d, ', ') FROM unnest(family.dimensions) AS d);
        keys := (SELECT string_agg(n::text, ', ') FROM generate_series(1, cardinality(family.dimensions) + 2) AS n);
        finest := NULL;
        finer := NULL;
        from_finer := '';
        FOR level IN
            -- Rollups have few rows: with long chunks, few of them have to be planned for.
            SELECT family.name || '_' || wanted.suffix AS name, l.grain, l.chunk
            FROM unnest(family.suffixes) AS wanted (suffix)
            INNER JOIN (VALUES
                ('15m', '15 minutes', INTERVAL '30 days'), ('1h', '1 hour', '90 days'), ('1d', '1 day', '360 days')
            ) AS l (suffix, grain, chunk) USING (suffix)
            ORDER BY l.chunk
        LOOP
            finest := coalesce(finest, level.grain);
            EXECUTE format(
                'CREATE MATERIALIZED VIEW %1$I WITH (
                     timescaledb.continuous, timescaledb.materialized_only = true,
                     timescaledb.create_group_indexes = false
                 ) AS
                 SELECT time_bucket(%2$L, r.%3$I) AS bucket, r.project, %4$s, %5$s FROM %6$I AS r GROUP BY %7$s
                 WITH NO DATA',
                level.name, level.grain,
                CASE WHEN finer IS NULL THEN 'started_at' ELSE 'bucket' END,
                CASE WHEN finer IS NULL THEN family.of_record ELSE columns END,
                CASE WHEN finer IS NULL THEN record_sums ELSE rollup_sums END,
                coalesce(finer, 'usage_record'), keys
            );
            EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', level.name || '_key', level.name);
            PERFORM set_chunk_time_interval(level.name::regclass, level.chunk);

            past := ARRAY(
                SELECT a.attname FROM pg_attribute AS a
                WHERE a.attrelid = format('pg_temp.%I', level.name || '_past')::regclass AND a.attnum > 0
            );
            EXECUTE format(
                'INSERT INTO %1$s (bucket, project, %2$s, %3$s)
                 SELECT r.bucket, r.project, %2$s, %4$s FROM pg_temp.%5$I AS r',
                usage_rollup_table(level.name),
                array_to_string(family.dimensions, ', '),
                (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure),
                (SELECT string_agg(
                     CASE
                         WHEN name = ANY (past) THEN name
                         WHEN type = 'histogram' THEN '''{}''::bigint[]'
                         ELSE '0'
                     END, ', ' ORDER BY number
                 )
                 FROM usage_measure),
                level.name || '_past'
            );

            IF finer IS NOT NULL THEN
                from_finer := from_finer || format(
                    'FOR part IN SELECT * FROM usage_marked(wanted, %3$L, since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket(<grain>, r.bucket), r.project, %4$s, %5$s FROM %1$I AS r
                         WHERE r.project = wanted AND r.bucket >= part.start AND r.bucket < part.stop
                             AND r.bucket NOT IN (
                                 SELECT time_bucket(%2$L, m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP; ',
                    finer, finer_grain, level.grain, columns, measures
                );
            END IF;
            EXECUTE format(
                'CREATE FUNCTION %1$I(wanted text, since timestamptz, until timestamptz) RETURNS SETOF %2$I
                 LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 AS $body$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, %3$L, since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket(%4$L, r.started_at), r.project, %5$s, %6$s FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY %7$s;
                     END LOOP;
                     %8$s
                 END $body$',
                level.name || '_marked', level.name, finest, level.grain, family.of_record, marked_sums, keys,
                replace(from_finer, '<grain>', quote_literal(level.grain))
            );
            EXECUTE format(
                'CREATE FUNCTION %1$I(wanted text, since timestamptz, until timestamptz) RETURNS SETOF %1$I
                 LANGUAGE sql STABLE PARALLEL SAFE AS $body$
                     SELECT r.* FROM %1$I AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket(%2$L, m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM %3$I(wanted, since, until)
                 $body$',
                level.name, level.grain, level.name || '_marked'
            );
            finer := level.name;
            finer_grain := level.grain;
        END LOOP;
    END LOOP;
END $function$

-- function usage_build_rollups
CREATE OR REPLACE FUNCTION usage_build_rollups()
 RETURNS void
 LANGUAGE sql
AS $function$
    SELECT usage_build_base_rollups();
    SELECT usage_build_settled();
$function$

-- function usage_build_settled
CREATE OR REPLACE FUNCTION usage_build_settled()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    rollup record;
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 4);
    DELETE FROM usage_settled;
    DELETE FROM usage_unsettled;
    FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
        IF to_regclass(rollup.name) IS NOT NULL THEN
            EXECUTE format('DROP TABLE %I', rollup.name);
        END IF;
        EXECUTE format(
            'CREATE TABLE %I (bucket timestamptz NOT NULL, %s, %s, project text COLLATE "C" NOT NULL, %s)',
            rollup.name,
            (SELECT string_agg(format('%I %s NOT NULL', name, type), ', ' ORDER BY number)
             FROM usage_measure WHERE type = 'bigint' AND number <= 12),
            (SELECT string_agg(format('%I text COLLATE "C"', c), ', ') FROM unnest(rollup.columns) AS c),
            (SELECT string_agg(
                format('%I %s NOT NULL', name, CASE type WHEN 'histogram' THEN 'bigint[]' ELSE type END),
                ', ' ORDER BY type = 'histogram', type DESC, number
             )
             FROM usage_measure
             WHERE type = 'numeric' OR type = 'bigint' AND number > 12 OR type = 'histogram' AND rollup.histograms)
        );
        EXECUTE format('CREATE INDEX %I ON %I (project, bucket)', rollup.name || '_bucket', rollup.name);
    END LOOP;
END $function$

-- function usage_by_agent_1d
CREATE OR REPLACE FUNCTION usage_by_agent_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_agent_1d AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_agent_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_agent_1d_marked
CREATE OR REPLACE FUNCTION usage_by_agent_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.started_at), r.project, r.agent, r.source, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4;
                     END LOOP;
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.bucket), r.project, r.agent, r.source, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.unpriced_input_tokens, r.unpriced_output_tokens, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us, r.durations, r.first_tokens FROM usage_by_agent_1h AS r
                         WHERE r.project = wanted AND r.bucket >= part.start AND r.bucket < part.stop
                             AND r.bucket NOT IN (
                                 SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP;
                 END $function$

-- function usage_by_agent_1h
CREATE OR REPLACE FUNCTION usage_by_agent_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_agent_1h AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_agent_1h_marked(wanted, since, until)
                 $function$

-- function usage_by_agent_1h_marked
CREATE OR REPLACE FUNCTION usage_by_agent_1h_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_agent_1h
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 hour', r.started_at), r.project, r.agent, r.source, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4;
                     END LOOP;

                 END $function$

-- function usage_by_conversation_1d
CREATE OR REPLACE FUNCTION usage_by_conversation_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_conversation_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_conversation_1d AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_conversation_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_conversation_1d_marked
CREATE OR REPLACE FUNCTION usage_by_conversation_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_conversation_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.started_at), r.project, r.conversation, r.agent,
              CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END AS item_name, r.source, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;

                 END $function$

-- function usage_by_model_15m
CREATE OR REPLACE FUNCTION usage_by_model_15m(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_15m
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_model_15m AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('15 minutes', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_model_15m_marked(wanted, since, until)
                 $function$

-- function usage_by_model_15m_marked
CREATE OR REPLACE FUNCTION usage_by_model_15m_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_15m
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '15 minutes', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('15 minutes', r.started_at), r.project, r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;

                 END $function$

-- function usage_by_model_1d
CREATE OR REPLACE FUNCTION usage_by_model_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_model_1d AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_model_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_model_1d_marked
CREATE OR REPLACE FUNCTION usage_by_model_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '15 minutes', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.started_at), r.project, r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.bucket), r.project, r.source, r.model, r.provider, r.operation, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.unpriced_input_tokens, r.unpriced_output_tokens, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us, r.durations, r.first_tokens FROM usage_by_model_15m AS r
                         WHERE r.project = wanted AND r.bucket >= part.start AND r.bucket < part.stop
                             AND r.bucket NOT IN (
                                 SELECT time_bucket('15 minutes', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP; FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.bucket), r.project, r.source, r.model, r.provider, r.operation, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.unpriced_input_tokens, r.unpriced_output_tokens, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us, r.durations, r.first_tokens FROM usage_by_model_1h AS r
                         WHERE r.project = wanted AND r.bucket >= part.start AND r.bucket < part.stop
                             AND r.bucket NOT IN (
                                 SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP;
                 END $function$

-- function usage_by_model_1h
CREATE OR REPLACE FUNCTION usage_by_model_1h(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1h
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_model_1h AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('1 hour', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_model_1h_marked(wanted, since, until)
                 $function$

-- function usage_by_model_1h_marked
CREATE OR REPLACE FUNCTION usage_by_model_1h_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_model_1h
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '15 minutes', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 hour', r.started_at), r.project, r.source, coalesce(r.response_model, r.request_model) AS model, r.provider, r.operation, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4, 5, 6;
                     END LOOP;
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 hour', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 hour', r.bucket), r.project, r.source, r.model, r.provider, r.operation, r.calls, r.failed_calls, r.unpriced_calls, r.unmeasured_calls, r.input_tokens, r.output_tokens, r.cache_read_tokens, r.cache_write_tokens, r.reasoning_tokens, r.cost_nano, r.credits_nano, r.duration_us, r.suspect_calls, r.cache_write_1h_tokens, r.input_cost_nano, r.cache_read_cost_nano, r.cache_write_cost_nano, r.output_cost_nano, r.unpriced_input_tokens, r.unpriced_output_tokens, r.timed_calls, r.timed_output_tokens, r.timed_output_us, r.first_token_calls, r.first_token_us, r.durations, r.first_tokens FROM usage_by_model_15m AS r
                         WHERE r.project = wanted AND r.bucket >= part.start AND r.bucket < part.stop
                             AND r.bucket NOT IN (
                                 SELECT time_bucket('15 minutes', m.bucket) FROM usage_mark AS m
                                 WHERE m.project = wanted AND m.bucket >= part.start AND m.bucket < part.stop
                             );
                     END LOOP;
                 END $function$

-- function usage_by_user_1d
CREATE OR REPLACE FUNCTION usage_by_user_1d(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_user_1d
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
                     SELECT r.* FROM usage_by_user_1d AS r
                     WHERE r.project = wanted AND r.bucket >= since AND r.bucket < until
                         AND r.bucket NOT IN (
                             SELECT time_bucket('1 day', m.bucket) FROM usage_mark AS m
                             WHERE m.project = wanted AND m.bucket >= since AND m.bucket < until
                         )
                     UNION ALL
                     SELECT * FROM usage_by_user_1d_marked(wanted, since, until)
                 $function$

-- function usage_by_user_1d_marked
CREATE OR REPLACE FUNCTION usage_by_user_1d_marked(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS SETOF usage_by_user_1d
 LANGUAGE plpgsql
 STABLE PARALLEL SAFE ROWS 100
AS $function$
                 DECLARE
                     part record;
                 BEGIN
                     FOR part IN SELECT * FROM usage_marked(wanted, '1 day', since, until) LOOP
                         RETURN QUERY
                         SELECT time_bucket('1 day', r.started_at), r.project, r.user_id, r.source, sum(1)::bigint AS calls, sum(r.failed::int)::bigint AS failed_calls, sum((r.cost_nano IS NULL)::int)::bigint AS unpriced_calls, sum((r.input_tokens IS NULL AND r.output_tokens IS NULL)::int)::bigint AS unmeasured_calls, sum(coalesce(r.input_tokens, 0))::bigint AS input_tokens, sum(coalesce(r.output_tokens, 0))::bigint AS output_tokens, sum(coalesce(r.cache_read_tokens, 0))::bigint AS cache_read_tokens, sum(coalesce(r.cache_write_tokens, 0))::bigint AS cache_write_tokens, sum(coalesce(r.reasoning_tokens, 0))::bigint AS reasoning_tokens, sum(coalesce(r.cost_nano, 0))::bigint AS cost_nano, sum(r.credits_nano)::numeric AS credits_nano, sum(r.duration_us)::bigint AS duration_us, sum(r.suspect::int)::bigint AS suspect_calls, sum(coalesce(r.cache_write_1h_tokens, 0))::bigint AS cache_write_1h_tokens, sum(coalesce(r.input_cost_nano, 0))::bigint AS input_cost_nano, sum(coalesce(r.cache_read_cost_nano, 0))::bigint AS cache_read_cost_nano, sum(coalesce(r.cache_write_cost_nano, 0))::bigint AS cache_write_cost_nano, sum(coalesce(r.output_cost_nano, 0))::bigint AS output_cost_nano, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END)::bigint AS unpriced_input_tokens, sum(CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS unpriced_output_tokens, sum((r.duration_us > 0)::int)::bigint AS timed_calls, sum(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, sum(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, sum((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, sum(coalesce(r.first_token_us, 0))::bigint AS first_token_us, usage_entries((usage_time_class(nullif(r.duration_us, 0)) << 40) + 1) AS durations, usage_entries((usage_time_class(r.first_token_us) << 40) + 1) AS first_tokens FROM usage_record AS r
                         WHERE r.project = wanted AND r.started_at >= part.start AND r.started_at < part.stop
                         GROUP BY 1, 2, 3, 4;
                     END LOOP;

                 END $function$

-- function usage_conversation_added
CREATE OR REPLACE FUNCTION usage_conversation_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
         BEGIN
             WITH said AS MATERIALIZED (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL),

         turns AS MATERIALIZED (
             SELECT
                 r.project, r.conversation, r.turn, r.model, min(r.started_at) AS first_at, max(r.started_at) AS last_at
             FROM said AS r
             GROUP BY r.project, r.conversation, r.turn, r.model
         ),

         named AS (
             INSERT INTO usage_model (project, key, model)
             SELECT r.project, usage_hash(r.model) AS key, r.model
             FROM (SELECT DISTINCT t.project, t.model FROM turns AS t WHERE t.model IS NOT NULL) AS r
             ORDER BY r.project, key
             ON CONFLICT DO NOTHING
         ),

         taken AS (
             INSERT INTO usage_conversation_turn AS kept (conversation, turn, model, first_at, last_at)
             SELECT
                 usage_conversation_key(r.project, r.conversation), r.turn, usage_hash(r.model), min(r.first_at),
                 max(r.last_at)
             FROM turns AS r
             GROUP BY 1, 2, 3
             ORDER BY 1, 2, 3
             ON CONFLICT (conversation, turn, model) DO UPDATE SET
                 first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
         )

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), (max(ARRAY[(r.started_at, r.id, r.title)::usage_quote]) FILTER (WHERE r.title IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]
         FROM said AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);
             RETURN NULL;
         END $function$

-- function usage_conversation_changed
CREATE OR REPLACE FUNCTION usage_conversation_changed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
         BEGIN
             WITH said AS MATERIALIZED (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL EXCEPT SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL),

         turns AS MATERIALIZED (
             SELECT
                 r.project, r.conversation, r.turn, r.model, min(r.started_at) AS first_at, max(r.started_at) AS last_at
             FROM said AS r
             GROUP BY r.project, r.conversation, r.turn, r.model
         ),

         named AS (
             INSERT INTO usage_model (project, key, model)
             SELECT r.project, usage_hash(r.model) AS key, r.model
             FROM (SELECT DISTINCT t.project, t.model FROM turns AS t WHERE t.model IS NOT NULL) AS r
             ORDER BY r.project, key
             ON CONFLICT DO NOTHING
         ),

         taken AS (
             INSERT INTO usage_conversation_turn AS kept (conversation, turn, model, first_at, last_at)
             SELECT
                 usage_conversation_key(r.project, r.conversation), r.turn, usage_hash(r.model), min(r.first_at),
                 max(r.last_at)
             FROM turns AS r
             GROUP BY 1, 2, 3
             ORDER BY 1, 2, 3
             ON CONFLICT (conversation, turn, model) DO UPDATE SET
                 first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at)
         )

         INSERT INTO usage_conversation AS kept (
             project, conversation, first_at, last_at, title, agent, channel, user_id
         )
         SELECT r.project, r.conversation, min(r.started_at), max(r.started_at), (max(ARRAY[(r.started_at, r.id, r.title)::usage_quote]) FILTER (WHERE r.title IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.agent)::usage_quote]) FILTER (WHERE r.agent IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.channel)::usage_quote]) FILTER (WHERE r.channel IS NOT NULL))[1], (max(ARRAY[(r.started_at, r.id, r.user_id)::usage_quote]) FILTER (WHERE r.user_id IS NOT NULL))[1]
         FROM said AS r
         GROUP BY r.project, r.conversation
         ORDER BY r.project, r.conversation
         ON CONFLICT (project, conversation) DO UPDATE SET
             first_at = least(kept.first_at, excluded.first_at), last_at = greatest(kept.last_at, excluded.last_at),
             title = greatest(kept.title, excluded.title), agent = greatest(kept.agent, excluded.agent),
             channel = greatest(kept.channel, excluded.channel), user_id = greatest(kept.user_id, excluded.user_id);
             PERFORM usage_take_back(
                 array_agg(gone.project), array_agg(gone.conversation), array_agg(gone.started_at), array_agg(gone.id),
                 array_agg(gone.turn), array_agg(gone.model), array_agg(gone.left_turn)
             )
             FROM (
                 SELECT
                     r.*,
                     (now.conversation, now.turn, now.model)
                         IS DISTINCT FROM (r.conversation, r.turn, r.model) AS left_turn
                 FROM (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM removed AS r WHERE r.conversation IS NOT NULL) AS r
                 LEFT JOIN (SELECT r.project, r.conversation, r.started_at, r.id, usage_turn_key(r.turn, r.trace_id) AS turn,
             coalesce(r.response_model, r.request_model) AS model, r.name AS title, r.agent, r.channel, r.user_id
         FROM added AS r WHERE r.conversation IS NOT NULL) AS now ON now.project = r.project AND now.started_at = r.started_at AND now.id = r.id
                 WHERE r IS DISTINCT FROM now
             ) AS gone
             HAVING count(*) > 0;
             RETURN NULL;
         END $function$

-- function usage_conversation_key
CREATE OR REPLACE FUNCTION usage_conversation_key(project text, conversation text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN usage_hash(((project || ''::text) || conversation))

-- function usage_conversation_removed
CREATE OR REPLACE FUNCTION usage_conversation_removed()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM usage_take_back(
        ARRAY[old.project], ARRAY[old.conversation], ARRAY[old.started_at], ARRAY[old.id],
        ARRAY[usage_turn_key(old.turn, old.trace_id)], ARRAY[coalesce(old.response_model, old.request_model)],
        ARRAY[true]
    );
    RETURN NULL;
END $function$

-- function usage_conversations
CREATE OR REPLACE FUNCTION usage_conversations(wanted text, until timestamp with time zone)
 RETURNS TABLE(conversation text, first_at timestamp with time zone, last_at timestamp with time zone, title text, agent text, channel text, user_id text, turns bigint, models text[])
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT
        k.conversation,
        k.first_at,
        CASE WHEN k.last_at < until THEN k.last_at WHEN k.first_at < until THEN coalesce(
            (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = wanted AND usage_in_conversation(r.project, r.conversation, wanted, k.conversation)
                    AND r.started_at >= k.first_at AND r.started_at < until
                ORDER BY r.started_at DESC, r.id DESC
                LIMIT 1
            ),
            (
                SELECT max(CASE WHEN t.last_at < until THEN t.last_at ELSE t.first_at END)
                FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation) AND t.first_at < until
            )
        ) END,
        (k.title).said,
        (k.agent).said,
        (k.channel).said,
        (k.user_id).said,
        CASE WHEN k.last_at < until THEN (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
        ) WHEN k.last_at < until + INTERVAL '24 hours' AND until >= coalesce(kept.since, '-infinity') THEN (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
        ) - (
            SELECT count(*)
            FROM (
                SELECT DISTINCT usage_turn_key(r.turn, r.trace_id) AS turn
                FROM usage_record AS r
                WHERE r.project = wanted AND usage_in_conversation(r.project, r.conversation, wanted, k.conversation)
                    AND r.started_at >= until
            ) AS late
            WHERE NOT EXISTS (
                SELECT FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
                    AND t.turn = late.turn AND t.first_at < until
            )
        ) ELSE (
            SELECT count(DISTINCT t.turn) FROM usage_conversation_turn AS t
            WHERE t.conversation = usage_conversation_key(wanted, k.conversation) AND t.first_at < until
        ) END,
        ARRAY(
            SELECT m.model FROM usage_model AS m
            WHERE m.project = wanted AND m.key IN (
                SELECT t.model FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(wanted, k.conversation)
            )
            ORDER BY m.model
        )
    FROM usage_conversation AS k
    CROSS JOIN (SELECT (SELECT r.kept_since FROM usage_retention AS r) AS since) AS kept
    WHERE k.project = wanted
$function$

-- function usage_expire
CREATE OR REPLACE PROCEDURE usage_expire()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    PERFORM set_config('lock_timeout', '2s', true);
    PERFORM drop_chunks('usage_record', older_than => kept_since) FROM usage_retention WHERE kept_since IS NOT NULL;
    COMMIT;
    CALL usage_expire_identities();
END $procedure$

-- function usage_expire_identities
CREATE OR REPLACE PROCEDURE usage_expire_identities()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    LOOP
        DELETE FROM usage_identity WHERE ctid = ANY (ARRAY(
            SELECT i.ctid FROM usage_identity AS i
            WHERE i.started_at < (SELECT kept_since FROM usage_retention)
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
END $procedure$

-- function usage_finds_by_label
CREATE OR REPLACE FUNCTION usage_finds_by_label()
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN false

-- function usage_first_stretch
CREATE OR REPLACE FUNCTION usage_first_stretch(wanted text, since timestamp with time zone, until timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
AS $function$
BEGIN
    RETURN coalesce(
        (SELECT date_bin('864 hours', min(r.bucket), '2000-01-01 00:00:00+00')
         FROM usage_by_model_1d(wanted, since, until) AS r),
        until
    );
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE WARNING 'sums since % leave their range', since;
    RETURN NULL;
END $function$

-- function usage_forget
CREATE OR REPLACE PROCEDURE usage_forget()
 LANGUAGE plpgsql
AS $procedure$
BEGIN
    LOOP
        DELETE FROM usage_ancestor WHERE ctid = ANY (ARRAY(
            SELECT a.ctid FROM usage_ancestor AS a WHERE a.seen_at < now() - INTERVAL '1 day' LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM usage_observation WHERE ctid = ANY (ARRAY(
            SELECT o.ctid FROM usage_observation AS o
            WHERE o.seen_at < now() - INTERVAL '7 days' AND NOT EXISTS (
                -- Of a call all are kept or none: some of them would be taken for all.
                SELECT FROM usage_observation AS n
                WHERE n.project = o.project AND n.call_started_at = o.call_started_at AND n.call = o.call
                    AND n.seen_at >= now() - INTERVAL '7 days'
            )
            LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
    LOOP
        DELETE FROM usage_fingerprint WHERE ctid = ANY (ARRAY(
            SELECT f.ctid FROM usage_fingerprint AS f WHERE f.seen_at < now() - INTERVAL '1 day' LIMIT 10000
        ));
        EXIT WHEN NOT found;
        COMMIT;
    END LOOP;
END $procedure$

-- function usage_freshness
CREATE OR REPLACE FUNCTION usage_freshness(wanted text)
 RETURNS TABLE(data_through timestamp with time zone, materialized_through timestamp with time zone)
 LANGUAGE plpgsql
 STABLE
AS $function$
DECLARE
    newest timestamptz := greatest(
        (SELECT max(s.bucket) FROM usage_by_model_15m AS s WHERE s.project = wanted),
        (SELECT max(m.bucket) FROM usage_mark AS m WHERE m.project = wanted)
    );
    oldest_mark timestamptz := (SELECT min(m.bucket) FROM usage_mark AS m WHERE m.project = wanted);
BEGIN
    RETURN QUERY
    SELECT record.through, least(record.through, oldest_mark)
    FROM (
        SELECT max(r.started_at) AS through FROM usage_record AS r
        WHERE r.project = wanted AND r.started_at >= newest
    ) AS record;
END $function$

-- function usage_hash
CREATE OR REPLACE FUNCTION usage_hash(said text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN ((('x'::text || "left"(md5(said), 16)))::bit(64))::bigint

-- function usage_histogram
CREATE OR REPLACE FUNCTION usage_histogram(entries bigint[])
 RETURNS bigint[]
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT coalesce(array_agg((c.class << 40) + c.calls ORDER BY c.class), '{}')
    FROM (
        SELECT e.class, sum(e.entry - (e.class << 40))::bigint AS calls
        FROM (SELECT u.entry, (u.entry + (1::bigint << 39)) >> 40 AS class FROM unnest(entries) AS u (entry)) AS e
        WHERE e.entry IS NOT NULL
        GROUP BY e.class
    ) AS c
    WHERE c.calls <> 0
$function$

-- function usage_identity_key
CREATE OR REPLACE FUNCTION usage_identity_key(project text, kind integer, key bytea)
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE STRICT
RETURN (encode(substr(sha256((((convert_to(project, 'UTF8'::name) || '\x00'::bytea) || decode(lpad(to_hex(kind), 2, '0'::text), 'hex'::text)) || key)), 1, 16), 'hex'::text))::uuid

-- function usage_in_conversation
CREATE OR REPLACE FUNCTION usage_in_conversation(project text, conversation text, wanted_project text, wanted text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((conversation COLLATE "C") = wanted)

-- function usage_in_conversations
CREATE OR REPLACE FUNCTION usage_in_conversations(project text, conversation text, wanted_project text, wanted text[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((conversation COLLATE "C") = ANY (wanted))

-- function usage_keep_since
CREATE OR REPLACE FUNCTION usage_keep_since(since timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock(1970497394, 1);
    UPDATE usage_retention SET kept_since = since
    WHERE (kept_since IS NULL OR kept_since < since) AND NOT EXISTS (SELECT FROM usage_stale() AS s WHERE s.since < $1);
    RETURN (SELECT kept_since FROM usage_retention);
END $function$

-- function usage_label_added
CREATE OR REPLACE FUNCTION usage_label_added()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    INSERT INTO usage_label (project, key, label)
    SELECT DISTINCT
        a.project,
        usage_search_key(a.project, a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model),
        usage_search_text(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model)
    FROM added AS a
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $function$

-- function usage_mark_deleted
CREATE OR REPLACE FUNCTION usage_mark_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    INSERT INTO usage_mark (project, bucket)
    SELECT old.project, time_bucket('15 minutes', old.started_at)
    WHERE old.started_at >= coalesce((SELECT kept_since FROM usage_retention), '-infinity');
    RETURN NULL;
END $function$

-- function usage_mark_written
CREATE OR REPLACE FUNCTION usage_mark_written()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    INSERT INTO usage_mark (project, bucket)
    SELECT DISTINCT w.project, time_bucket('15 minutes', w.started_at) FROM written AS w
    WHERE w.started_at >= coalesce((SELECT kept_since FROM usage_retention), '-infinity');
    RETURN NULL;
END $function$

-- function usage_marked
CREATE OR REPLACE FUNCTION usage_marked(wanted text, grain interval, since timestamp with time zone, until timestamp with time zone)
 RETURNS TABLE(start timestamp with time zone, stop timestamp with time zone)
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$
    SELECT min(run.bucket), max(run.bucket) + grain
    FROM (
        SELECT marked.bucket, marked.bucket - grain * row_number() OVER (ORDER BY marked.bucket) AS number
        FROM (
            SELECT DISTINCT time_bucket(grain, m.bucket) AS bucket
            FROM usage_mark AS m
            WHERE (wanted IS NULL OR m.project = wanted) AND m.bucket >= since AND m.bucket < until
        ) AS marked
    ) AS run
    GROUP BY run.number
    ORDER BY 1
$function$

-- function usage_over
CREATE OR REPLACE FUNCTION usage_over(at timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
AS $function$
    SELECT date_bin(
        '24 hours',
        least(at - INTERVAL '6 hours', (
            SELECT min(a.xact_start) - INTERVAL '1 hour' FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
        )),
        '2000-01-01 00:00:00+00'
    )
$function$

-- function usage_projects
CREATE OR REPLACE FUNCTION usage_projects()
 RETURNS SETOF text
 LANGUAGE sql
 STABLE
AS $function$
    SELECT project FROM usage_by_model_1d UNION SELECT project FROM usage_mark
$function$

-- function usage_quote_others
CREATE OR REPLACE FUNCTION usage_quote_others(projects text[], conversations text[], starts timestamp with time zone[], records bigint[], since timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
         BEGIN
             UPDATE usage_conversation AS k
         SET title = (
             SELECT (r.started_at, r.id, r.name)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.name IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.title).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.title).at = gone.started_at AND (k.title).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET agent = (
             SELECT (r.started_at, r.id, r.agent)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.agent IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.agent).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.agent).at = gone.started_at AND (k.agent).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET channel = (
             SELECT (r.started_at, r.id, r.channel)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.channel IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.channel).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.channel).at = gone.started_at AND (k.channel).record = gone.record AND gone.started_at >= since; UPDATE usage_conversation AS k
         SET user_id = (
             SELECT (r.started_at, r.id, r.user_id)::usage_quote
             FROM usage_record AS r
             WHERE r.project = k.project
                 AND usage_in_conversation(r.project, r.conversation, k.project, k.conversation)
                 AND r.user_id IS NOT NULL
                 AND r.started_at >= since AND r.started_at <= (k.user_id).at
             ORDER BY r.started_at DESC, r.id DESC
             LIMIT 1
         )
         FROM unnest(projects, conversations, starts, records) AS gone (project, conversation, started_at, record)
         WHERE k.project = gone.project AND k.conversation = gone.conversation
             AND (k.user_id).at = gone.started_at AND (k.user_id).record = gone.record AND gone.started_at >= since;
         END $function$

-- function usage_record_kept
CREATE OR REPLACE FUNCTION usage_record_kept()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
DECLARE
    since timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    SELECT kept_since INTO since FROM usage_retention;
    IF EXISTS (SELECT FROM added WHERE started_at < since) THEN
        RAISE EXCEPTION 'a record is older than those that are kept' USING ERRCODE = 'datetime_field_overflow';
    END IF;
    RETURN NULL;
END $function$

-- function usage_refresh
CREATE OR REPLACE PROCEDURE usage_refresh(IN since timestamp with time zone, IN until timestamp with time zone)
 LANGUAGE plpgsql
AS $procedure$
DECLARE
    level record;
    starts timestamptz[];
    stops timestamptz[];
BEGIN
    PERFORM pg_advisory_lock(1970497394, 3);
    UPDATE usage_mark SET taken = true WHERE bucket >= since AND bucket < until AND NOT taken;
    COMMIT;
    FOR level IN
        SELECT v.name, v.grain
        FROM (VALUES
            (1, 'usage_by_model_15m', INTERVAL '15 minutes'), (2, 'usage_by_model_1h', '1 hour'),
            (3, 'usage_by_agent_1h', '1 hour'), (4, 'usage_by_model_1d', '1 day'), (5, 'usage_by_agent_1d', '1 day'),
            (6, 'usage_by_conversation_1d', '1 day'), (7, 'usage_by_user_1d', '1 day')
        ) AS v (step, name, grain)
        ORDER BY v.step
    LOOP
        SELECT array_agg(m.start), array_agg(m.stop) INTO starts, stops
        FROM usage_marked(NULL, level.grain, since, until) AS m;
        FOR part IN 1 .. coalesce(cardinality(starts), 0) LOOP
            CALL refresh_continuous_aggregate(level.name::regclass, starts[part], stops[part], force => true);
            COMMIT;
        END LOOP;
    END LOOP;
    DELETE FROM usage_mark WHERE bucket >= since AND bucket < until AND taken;
    COMMIT;
    PERFORM pg_advisory_unlock(1970497394, 3);
END $procedure$

-- function usage_rollup_table
CREATE OR REPLACE FUNCTION usage_rollup_table(rollup text)
 RETURNS regclass
 LANGUAGE sql
 STABLE
AS $function$
    SELECT format('%I.%I', a.materialization_hypertable_schema, a.materialization_hypertable_name)::regclass
    FROM timescaledb_information.continuous_aggregates AS a
    WHERE format('%I.%I', a.view_schema, a.view_name)::regclass = rollup::regclass
$function$

-- function usage_search_key
CREATE OR REPLACE FUNCTION usage_search_key(project text, name text, agent text, conversation text, user_id text, request_model text, response_model text)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (md5(((project || ''::text) || usage_search_text(name, agent, conversation, user_id, request_model, response_model))))::uuid

-- function usage_search_text
CREATE OR REPLACE FUNCTION usage_search_text(name text, agent text, conversation text, user_id text, request_model text, response_model text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((((((((COALESCE(name, ''::text) || ''::text) || COALESCE(agent, ''::text)) || ''::text) || COALESCE(conversation, ''::text)) || ''::text) || COALESCE(user_id, ''::text)) || ''::text) || COALESCE(response_model, request_model, ''::text))

-- function usage_settle
CREATE OR REPLACE PROCEDURE usage_settle(IN quiet interval)
 LANGUAGE plpgsql
AS $procedure$
DECLARE
    origin constant timestamptz := '2000-01-01 00:00:00+00';
    over constant timestamptz := usage_over(clock_timestamp());
    owner text;
    start timestamptz; -- what is settled until now, and what will be after the next step
    stop timestamptz;
    stretch timestamptz; -- of 36 days
    rollup record;
    bucket timestamptz;
    fits boolean;
BEGIN
    FOR owner IN SELECT project FROM usage_projects() AS project LOOP
        fits := true;
        start := coalesce(
            (SELECT s.until FROM usage_settled AS s WHERE s.project = owner),
            usage_first_stretch(owner, '-infinity', over)
        );
        CONTINUE WHEN start IS NULL;
        WHILE start < over LOOP
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            stop := least(date_bin('864 hours', start, origin) + INTERVAL '864 hours', over);
            -- Where there are no calls there is nothing to make: on to the next ones. Long buckets may end on the way.
            stop := usage_first_stretch(owner, stop, over);
            fits := stop IS NOT NULL;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                fits := fits AND usage_try_settle_buckets(
                    owner, rollup.name, date_bin(rollup.unit, start, origin), date_bin(rollup.unit, stop, origin)
                );
            END LOOP;
            IF NOT fits THEN
                ROLLBACK;
                EXIT;
            END IF;
            start := stop;
            INSERT INTO usage_settled (project, until) VALUES (owner, start)
            ON CONFLICT (project) DO UPDATE SET until = greatest(usage_settled.until, excluded.until);
            COMMIT;
        END LOOP;

        CONTINUE WHEN EXISTS (
            SELECT FROM usage_unsettled AS u WHERE u.project = owner AND u.since > clock_timestamp() - quiet
        );
        LOOP
            stretch := (
                SELECT date_bin('864 hours', min(u.day), origin) FROM usage_unsettled AS u
                WHERE u.project = owner AND (stretch IS NULL OR u.day >= stretch + INTERVAL '864 hours')
            );
            EXIT WHEN stretch IS NULL;
            IF NOT usage_settling() THEN
                RETURN;
            END IF;
            fits := true;
            FOR rollup IN SELECT * FROM usage_settled_rollup LOOP
                FOR bucket IN
                    SELECT DISTINCT date_bin(rollup.unit, u.day, origin) FROM usage_unsettled AS u
                    WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours'
                        AND date_bin(rollup.unit, u.day, origin) + rollup.unit <= start
                LOOP
                    fits := fits AND usage_try_settle_buckets(owner, rollup.name, bucket, bucket + rollup.unit);
                END LOOP;
            END LOOP;
            IF fits THEN
                DELETE FROM usage_unsettled AS u
                WHERE u.project = owner AND u.day >= stretch AND u.day < stretch + INTERVAL '864 hours';
                COMMIT;
            ELSE
                ROLLBACK;
            END IF;
        END LOOP;
    END LOOP;
END $procedure$

-- function usage_settle_buckets
CREATE OR REPLACE FUNCTION usage_settle_buckets(wanted text, rollup text, since timestamp with time zone, until timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    kept record;
    columns text;
BEGIN
    SELECT * INTO STRICT kept FROM usage_settled_rollup AS v WHERE v.name = rollup;
    columns := (SELECT string_agg('r.' || c, ', ') FROM unnest(kept.columns) AS c);
    EXECUTE format('DELETE FROM %I AS r WHERE r.project = $1 AND r.bucket >= $2 AND r.bucket < $3', rollup)
    USING wanted, since, until;
    EXECUTE format(
        'INSERT INTO %1$I (project, bucket, %2$s, %3$s)
         SELECT r.project, date_bin(%4$L, r.bucket, %5$L) AS bucket, %6$s, %7$s
         FROM %8$I($1, $2, $3) AS r
         GROUP BY r.project, 2, %6$s
         ORDER BY 2',
        rollup,
        array_to_string(kept.columns, ', '),
        (SELECT string_agg(name, ', ' ORDER BY number) FROM usage_measure WHERE type <> 'histogram' OR kept.histograms),
        kept.grain,
        timestamptz '2000-01-01 00:00:00+00',
        columns,
        (SELECT string_agg(
            format(CASE type WHEN 'histogram' THEN 'usage_histogram_sum(r.%I)' ELSE 'sum(r.%I)' END, name),
            ', ' ORDER BY number
         )
         FROM usage_measure WHERE type <> 'histogram' OR kept.histograms),
        kept.base
    ) USING wanted, since, until;
END $function$

-- function usage_settling
CREATE OR REPLACE FUNCTION usage_settling()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    FOR attempt IN 1 .. 20 LOOP
        IF pg_try_advisory_xact_lock(1970497394, 4) THEN
            RETURN true;
        END IF;
        PERFORM pg_sleep(0.05);
    END LOOP;
    RETURN false;
END $function$

-- function usage_stale
CREATE OR REPLACE FUNCTION usage_stale()
 RETURNS TABLE(since timestamp with time zone, until timestamp with time zone)
 LANGUAGE sql
 STABLE
AS $function$
    -- Not too long each: what is refreshed at once is one transaction.
    SELECT piece.start, least(piece.start + INTERVAL '240 hours', marked.stop)
    FROM usage_marked(NULL, '1 day', '-infinity', 'infinity') AS marked
    CROSS JOIN LATERAL generate_series(
        marked.start, marked.stop - INTERVAL '1 microsecond', INTERVAL '240 hours'
    ) AS piece (start)
$function$

-- function usage_take_back
CREATE OR REPLACE FUNCTION usage_take_back(projects text[], conversations text[], starts timestamp with time zone[], records bigint[], turns bigint[], models text[], left_turn boolean[])
 RETURNS void
 LANGUAGE plpgsql
AS $function$
DECLARE
    since timestamptz;
    known record;
    first timestamptz;
    last timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1970497394, 1);
    since := coalesce((SELECT kept_since FROM usage_retention), '-infinity');

    FOR known IN
        SELECT DISTINCT
            gone.project, gone.conversation, gone.model, t.first_at, t.last_at, t.conversation AS key, t.turn,
            t.model AS model_key
        FROM unnest(projects, conversations, starts, turns, models, left_turn)
            AS gone (project, conversation, started_at, turn, model, left_turn)
        INNER JOIN usage_conversation_turn AS t
            ON t.conversation = usage_conversation_key(gone.project, gone.conversation) AND t.turn = gone.turn
                AND t.model IS NOT DISTINCT FROM usage_hash(gone.model)
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY key, t.turn, model_key
    LOOP
        SELECT min(r.started_at), max(r.started_at) INTO first, last
        FROM usage_record AS r
        WHERE r.project = known.project
            AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
            AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            AND usage_turn_key(r.turn, r.trace_id) = known.turn
            AND coalesce(r.response_model, r.request_model) IS NOT DISTINCT FROM known.model;
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, first);
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_conversation_turn AS t
            WHERE t.conversation = known.key AND t.turn = known.turn AND t.model IS NOT DISTINCT FROM known.model_key;
        ELSE
            UPDATE usage_conversation_turn AS t SET first_at = first, last_at = last
            WHERE t.conversation = known.key AND t.turn = known.turn AND t.model IS NOT DISTINCT FROM known.model_key;
        END IF;
    END LOOP;

    -- Only its first and its last call say when a conversation was. Which is that now, the index of its calls knows:
    -- turns may be very many, and are looked through only where all calls that are kept have gone.
    FOR known IN
        SELECT DISTINCT k.project, k.conversation, k.first_at, k.last_at
        FROM unnest(projects, conversations, starts, left_turn) AS gone (project, conversation, started_at, left_turn)
        INNER JOIN usage_conversation AS k
            ON k.project = gone.project AND k.conversation = gone.conversation
                AND gone.started_at IN (k.first_at, k.last_at)
        WHERE gone.left_turn AND gone.started_at >= since
        ORDER BY k.project, k.conversation
    LOOP
        last := (
            SELECT r.started_at FROM usage_record AS r
            WHERE r.project = known.project
                AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
                AND r.started_at >= greatest(known.first_at, since) AND r.started_at <= known.last_at
            ORDER BY r.started_at DESC, r.id DESC
            LIMIT 1
        );
        IF known.first_at < since THEN
            first := known.first_at;
            last := coalesce(last, (
                SELECT greatest(max(CASE WHEN t.last_at < since THEN t.last_at ELSE t.first_at END), known.first_at)
                FROM usage_conversation_turn AS t
                WHERE t.conversation = usage_conversation_key(known.project, known.conversation) AND t.first_at < since
            ));
        ELSE
            first := (
                SELECT r.started_at FROM usage_record AS r
                WHERE r.project = known.project
                    AND usage_in_conversation(r.project, r.conversation, known.project, known.conversation)
                    AND r.started_at >= known.first_at AND r.started_at <= last
                ORDER BY r.started_at, r.id
                LIMIT 1
            );
        END IF;
        IF first IS NULL THEN
            DELETE FROM usage_conversation AS k
            WHERE k.project = known.project AND k.conversation = known.conversation;
        ELSE
            UPDATE usage_conversation AS k SET first_at = first, last_at = last
            WHERE k.project = known.project AND k.conversation = known.conversation
                AND (k.first_at, k.last_at) <> (first, last);
        END IF;
    END LOOP;

    PERFORM usage_quote_others(projects, conversations, starts, records, since);
END $function$

-- function usage_time_class
CREATE OR REPLACE FUNCTION usage_time_class(taken bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
AS $function$
    SELECT CASE WHEN taken <= 1 THEN 0 ELSE ceil(ln(taken::float8) / ln(1.04::float8))::bigint END
$function$

-- function usage_try_settle_buckets
CREATE OR REPLACE FUNCTION usage_try_settle_buckets(wanted text, rollup text, since timestamp with time zone, until timestamp with time zone)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM usage_settle_buckets(wanted, rollup, since, until);
    RETURN true;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE WARNING 'sums of % since % leave their range', rollup, since;
    RETURN false;
END $function$

-- function usage_turn_key
CREATE OR REPLACE FUNCTION usage_turn_key(turn text, trace_id bytea)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN usage_hash(COALESCE(turn, encode(trace_id, 'hex'::text)))

-- function usage_unsettle
CREATE OR REPLACE FUNCTION usage_unsettle()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF EXISTS (SELECT FROM written AS w WHERE w.started_at < clock_timestamp() - INTERVAL '1 hour') THEN
        PERFORM pg_advisory_xact_lock_shared(1970497394, 4);
        INSERT INTO usage_unsettled (project, day)
        SELECT DISTINCT w.project, date_bin('24 hours', w.started_at, '2000-01-01 00:00:00+00')
        FROM written AS w
        INNER JOIN usage_settled AS s ON s.project = w.project AND w.started_at < s.until;
    END IF;
    RETURN NULL;
END $function$

-- function usage_unsettle_deleted
CREATE OR REPLACE FUNCTION usage_unsettle_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    IF old.started_at >= clock_timestamp() - INTERVAL '1 hour' THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(1970497394, 4);
    INSERT INTO usage_unsettled (project, day)
    SELECT s.project, date_bin('24 hours', old.started_at, '2000-01-01 00:00:00+00')
    FROM usage_settled AS s
    WHERE s.project = old.project AND old.started_at < s.until;
    RETURN NULL;
END $function$

-- trigger usage_conversation_delete
CREATE TRIGGER usage_conversation_delete AFTER DELETE ON usage_record FOR EACH ROW WHEN (((old.conversation IS NOT NULL) AND (current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text))) EXECUTE FUNCTION usage_conversation_removed()

-- trigger usage_conversation_insert
CREATE TRIGGER usage_conversation_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_added()

-- trigger usage_conversation_update
CREATE TRIGGER usage_conversation_update AFTER UPDATE ON usage_record REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_conversation_changed()

-- trigger usage_label_insert
CREATE TRIGGER usage_label_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_label_update
CREATE TRIGGER usage_label_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added()

-- trigger usage_mark_delete
CREATE TRIGGER usage_mark_delete AFTER DELETE ON usage_record FOR EACH ROW EXECUTE FUNCTION usage_mark_deleted()

-- trigger usage_mark_insert
CREATE TRIGGER usage_mark_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_mark_written()

-- trigger usage_mark_update
CREATE TRIGGER usage_mark_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_mark_written()

-- trigger usage_record_kept
CREATE TRIGGER usage_record_kept AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION usage_record_kept()

-- trigger usage_unsettle_delete
CREATE TRIGGER usage_unsettle_delete AFTER DELETE ON usage_record FOR EACH ROW WHEN ((current_setting('usage_graph.expiring'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION usage_unsettle_deleted()

-- trigger usage_unsettle_insert
CREATE TRIGGER usage_unsettle_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_unsettle()

-- trigger usage_unsettle_update
CREATE TRIGGER usage_unsettle_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION usage_unsettle()

-- continuous aggregate usage_by_agent_1d
 SELECT time_bucket('1 day'::interval, bucket) AS bucket,
    project,
    agent,
    source,
    (sum(calls))::bigint AS calls,
    (sum(failed_calls))::bigint AS failed_calls,
    (sum(unpriced_calls))::bigint AS unpriced_calls,
    (sum(unmeasured_calls))::bigint AS unmeasured_calls,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(reasoning_tokens))::bigint AS reasoning_tokens,
    (sum(cost_nano))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    (sum(suspect_calls))::bigint AS suspect_calls,
    (sum(cache_write_1h_tokens))::bigint AS cache_write_1h_tokens,
    (sum(input_cost_nano))::bigint AS input_cost_nano,
    (sum(cache_read_cost_nano))::bigint AS cache_read_cost_nano,
    (sum(cache_write_cost_nano))::bigint AS cache_write_cost_nano,
    (sum(output_cost_nano))::bigint AS output_cost_nano,
    (sum(unpriced_input_tokens))::bigint AS unpriced_input_tokens,
    (sum(unpriced_output_tokens))::bigint AS unpriced_output_tokens,
    (sum(timed_calls))::bigint AS timed_calls,
    (sum(timed_output_tokens))::bigint AS timed_output_tokens,
    (sum(timed_output_us))::bigint AS timed_output_us,
    (sum(first_token_calls))::bigint AS first_token_calls,
    (sum(first_token_us))::bigint AS first_token_us,
    usage_histogram_sum(durations) AS durations,
    usage_histogram_sum(first_tokens) AS first_tokens
   FROM usage_by_agent_1h r
  GROUP BY (time_bucket('1 day'::interval, bucket)), project, agent, source;

-- continuous aggregate usage_by_agent_1h
 SELECT time_bucket('01:00:00'::interval, started_at) AS bucket,
    project,
    agent,
    source,
    sum(1) AS calls,
    sum((failed)::integer) AS failed_calls,
    sum(((cost_nano IS NULL))::integer) AS unpriced_calls,
    sum((((input_tokens IS NULL) AND (output_tokens IS NULL)))::integer) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    sum((suspect)::integer) AS suspect_calls,
    (sum(COALESCE(cache_write_1h_tokens, (0)::bigint)))::bigint AS cache_write_1h_tokens,
    (sum(COALESCE(input_cost_nano, (0)::bigint)))::bigint AS input_cost_nano,
    (sum(COALESCE(cache_read_cost_nano, (0)::bigint)))::bigint AS cache_read_cost_nano,
    (sum(COALESCE(cache_write_cost_nano, (0)::bigint)))::bigint AS cache_write_cost_nano,
    (sum(COALESCE(output_cost_nano, (0)::bigint)))::bigint AS output_cost_nano,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(input_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_input_tokens,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_output_tokens,
    sum(((duration_us > 0))::integer) AS timed_calls,
    (sum(
        CASE
            WHEN (duration_us > 0) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS timed_output_tokens,
    (sum(
        CASE
            WHEN (output_tokens IS NOT NULL) THEN duration_us
            ELSE (0)::bigint
        END))::bigint AS timed_output_us,
    sum(((first_token_us IS NOT NULL))::integer) AS first_token_calls,
    (sum(COALESCE(first_token_us, (0)::bigint)))::bigint AS first_token_us,
    usage_histogram_of(((usage_time_class(NULLIF(duration_us, 0)) << 40) + 1)) AS durations,
    usage_histogram_of(((usage_time_class(first_token_us) << 40) + 1)) AS first_tokens
   FROM usage_record r
  GROUP BY (time_bucket('01:00:00'::interval, started_at)), project, agent, source;

-- continuous aggregate usage_by_conversation_1d
 SELECT time_bucket('1 day'::interval, started_at) AS bucket,
    project,
    conversation,
    agent,
        CASE
            WHEN ((conversation IS NULL) AND (agent IS NULL)) THEN name
            ELSE NULL::text
        END AS item_name,
    source,
    sum(1) AS calls,
    sum((failed)::integer) AS failed_calls,
    sum(((cost_nano IS NULL))::integer) AS unpriced_calls,
    sum((((input_tokens IS NULL) AND (output_tokens IS NULL)))::integer) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    sum((suspect)::integer) AS suspect_calls,
    (sum(COALESCE(cache_write_1h_tokens, (0)::bigint)))::bigint AS cache_write_1h_tokens,
    (sum(COALESCE(input_cost_nano, (0)::bigint)))::bigint AS input_cost_nano,
    (sum(COALESCE(cache_read_cost_nano, (0)::bigint)))::bigint AS cache_read_cost_nano,
    (sum(COALESCE(cache_write_cost_nano, (0)::bigint)))::bigint AS cache_write_cost_nano,
    (sum(COALESCE(output_cost_nano, (0)::bigint)))::bigint AS output_cost_nano,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(input_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_input_tokens,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_output_tokens,
    sum(((duration_us > 0))::integer) AS timed_calls,
    (sum(
        CASE
            WHEN (duration_us > 0) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS timed_output_tokens,
    (sum(
        CASE
            WHEN (output_tokens IS NOT NULL) THEN duration_us
            ELSE (0)::bigint
        END))::bigint AS timed_output_us,
    sum(((first_token_us IS NOT NULL))::integer) AS first_token_calls,
    (sum(COALESCE(first_token_us, (0)::bigint)))::bigint AS first_token_us,
    usage_histogram_of(((usage_time_class(NULLIF(duration_us, 0)) << 40) + 1)) AS durations,
    usage_histogram_of(((usage_time_class(first_token_us) << 40) + 1)) AS first_tokens
   FROM usage_record r
  GROUP BY (time_bucket('1 day'::interval, started_at)), project, conversation, agent,
        CASE
            WHEN ((conversation IS NULL) AND (agent IS NULL)) THEN name
            ELSE NULL::text
        END, source;

-- continuous aggregate usage_by_model_15m
 SELECT time_bucket('00:15:00'::interval, started_at) AS bucket,
    project,
    source,
    COALESCE(response_model, request_model) AS model,
    provider,
    operation,
    sum(1) AS calls,
    sum((failed)::integer) AS failed_calls,
    sum(((cost_nano IS NULL))::integer) AS unpriced_calls,
    sum((((input_tokens IS NULL) AND (output_tokens IS NULL)))::integer) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    sum((suspect)::integer) AS suspect_calls,
    (sum(COALESCE(cache_write_1h_tokens, (0)::bigint)))::bigint AS cache_write_1h_tokens,
    (sum(COALESCE(input_cost_nano, (0)::bigint)))::bigint AS input_cost_nano,
    (sum(COALESCE(cache_read_cost_nano, (0)::bigint)))::bigint AS cache_read_cost_nano,
    (sum(COALESCE(cache_write_cost_nano, (0)::bigint)))::bigint AS cache_write_cost_nano,
    (sum(COALESCE(output_cost_nano, (0)::bigint)))::bigint AS output_cost_nano,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(input_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_input_tokens,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_output_tokens,
    sum(((duration_us > 0))::integer) AS timed_calls,
    (sum(
        CASE
            WHEN (duration_us > 0) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS timed_output_tokens,
    (sum(
        CASE
            WHEN (output_tokens IS NOT NULL) THEN duration_us
            ELSE (0)::bigint
        END))::bigint AS timed_output_us,
    sum(((first_token_us IS NOT NULL))::integer) AS first_token_calls,
    (sum(COALESCE(first_token_us, (0)::bigint)))::bigint AS first_token_us,
    usage_histogram_of(((usage_time_class(NULLIF(duration_us, 0)) << 40) + 1)) AS durations,
    usage_histogram_of(((usage_time_class(first_token_us) << 40) + 1)) AS first_tokens
   FROM usage_record r
  GROUP BY (time_bucket('00:15:00'::interval, started_at)), project, source, COALESCE(response_model, request_model), provider, operation;

-- continuous aggregate usage_by_model_1d
 SELECT time_bucket('1 day'::interval, bucket) AS bucket,
    project,
    source,
    model,
    provider,
    operation,
    (sum(calls))::bigint AS calls,
    (sum(failed_calls))::bigint AS failed_calls,
    (sum(unpriced_calls))::bigint AS unpriced_calls,
    (sum(unmeasured_calls))::bigint AS unmeasured_calls,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(reasoning_tokens))::bigint AS reasoning_tokens,
    (sum(cost_nano))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    (sum(suspect_calls))::bigint AS suspect_calls,
    (sum(cache_write_1h_tokens))::bigint AS cache_write_1h_tokens,
    (sum(input_cost_nano))::bigint AS input_cost_nano,
    (sum(cache_read_cost_nano))::bigint AS cache_read_cost_nano,
    (sum(cache_write_cost_nano))::bigint AS cache_write_cost_nano,
    (sum(output_cost_nano))::bigint AS output_cost_nano,
    (sum(unpriced_input_tokens))::bigint AS unpriced_input_tokens,
    (sum(unpriced_output_tokens))::bigint AS unpriced_output_tokens,
    (sum(timed_calls))::bigint AS timed_calls,
    (sum(timed_output_tokens))::bigint AS timed_output_tokens,
    (sum(timed_output_us))::bigint AS timed_output_us,
    (sum(first_token_calls))::bigint AS first_token_calls,
    (sum(first_token_us))::bigint AS first_token_us,
    usage_histogram_sum(durations) AS durations,
    usage_histogram_sum(first_tokens) AS first_tokens
   FROM usage_by_model_1h r
  GROUP BY (time_bucket('1 day'::interval, bucket)), project, source, model, provider, operation;

-- continuous aggregate usage_by_model_1h
 SELECT time_bucket('01:00:00'::interval, bucket) AS bucket,
    project,
    source,
    model,
    provider,
    operation,
    (sum(calls))::bigint AS calls,
    (sum(failed_calls))::bigint AS failed_calls,
    (sum(unpriced_calls))::bigint AS unpriced_calls,
    (sum(unmeasured_calls))::bigint AS unmeasured_calls,
    (sum(input_tokens))::bigint AS input_tokens,
    (sum(output_tokens))::bigint AS output_tokens,
    (sum(cache_read_tokens))::bigint AS cache_read_tokens,
    (sum(cache_write_tokens))::bigint AS cache_write_tokens,
    (sum(reasoning_tokens))::bigint AS reasoning_tokens,
    (sum(cost_nano))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    (sum(suspect_calls))::bigint AS suspect_calls,
    (sum(cache_write_1h_tokens))::bigint AS cache_write_1h_tokens,
    (sum(input_cost_nano))::bigint AS input_cost_nano,
    (sum(cache_read_cost_nano))::bigint AS cache_read_cost_nano,
    (sum(cache_write_cost_nano))::bigint AS cache_write_cost_nano,
    (sum(output_cost_nano))::bigint AS output_cost_nano,
    (sum(unpriced_input_tokens))::bigint AS unpriced_input_tokens,
    (sum(unpriced_output_tokens))::bigint AS unpriced_output_tokens,
    (sum(timed_calls))::bigint AS timed_calls,
    (sum(timed_output_tokens))::bigint AS timed_output_tokens,
    (sum(timed_output_us))::bigint AS timed_output_us,
    (sum(first_token_calls))::bigint AS first_token_calls,
    (sum(first_token_us))::bigint AS first_token_us,
    usage_histogram_sum(durations) AS durations,
    usage_histogram_sum(first_tokens) AS first_tokens
   FROM usage_by_model_15m r
  GROUP BY (time_bucket('01:00:00'::interval, bucket)), project, source, model, provider, operation;

-- continuous aggregate usage_by_user_1d
 SELECT time_bucket('1 day'::interval, started_at) AS bucket,
    project,
    user_id,
    source,
    sum(1) AS calls,
    sum((failed)::integer) AS failed_calls,
    sum(((cost_nano IS NULL))::integer) AS unpriced_calls,
    sum((((input_tokens IS NULL) AND (output_tokens IS NULL)))::integer) AS unmeasured_calls,
    (sum(COALESCE(input_tokens, (0)::bigint)))::bigint AS input_tokens,
    (sum(COALESCE(output_tokens, (0)::bigint)))::bigint AS output_tokens,
    (sum(COALESCE(cache_read_tokens, (0)::bigint)))::bigint AS cache_read_tokens,
    (sum(COALESCE(cache_write_tokens, (0)::bigint)))::bigint AS cache_write_tokens,
    (sum(COALESCE(reasoning_tokens, (0)::bigint)))::bigint AS reasoning_tokens,
    (sum(COALESCE(cost_nano, (0)::bigint)))::bigint AS cost_nano,
    sum(credits_nano) AS credits_nano,
    (sum(duration_us))::bigint AS duration_us,
    sum((suspect)::integer) AS suspect_calls,
    (sum(COALESCE(cache_write_1h_tokens, (0)::bigint)))::bigint AS cache_write_1h_tokens,
    (sum(COALESCE(input_cost_nano, (0)::bigint)))::bigint AS input_cost_nano,
    (sum(COALESCE(cache_read_cost_nano, (0)::bigint)))::bigint AS cache_read_cost_nano,
    (sum(COALESCE(cache_write_cost_nano, (0)::bigint)))::bigint AS cache_write_cost_nano,
    (sum(COALESCE(output_cost_nano, (0)::bigint)))::bigint AS output_cost_nano,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(input_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_input_tokens,
    (sum(
        CASE
            WHEN (cost_nano IS NULL) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS unpriced_output_tokens,
    sum(((duration_us > 0))::integer) AS timed_calls,
    (sum(
        CASE
            WHEN (duration_us > 0) THEN COALESCE(output_tokens, (0)::bigint)
            ELSE (0)::bigint
        END))::bigint AS timed_output_tokens,
    (sum(
        CASE
            WHEN (output_tokens IS NOT NULL) THEN duration_us
            ELSE (0)::bigint
        END))::bigint AS timed_output_us,
    sum(((first_token_us IS NOT NULL))::integer) AS first_token_calls,
    (sum(COALESCE(first_token_us, (0)::bigint)))::bigint AS first_token_us,
    usage_histogram_of(((usage_time_class(NULLIF(duration_us, 0)) << 40) + 1)) AS durations,
    usage_histogram_of(((usage_time_class(first_token_us) << 40) + 1)) AS first_tokens
   FROM usage_record r
  GROUP BY (time_bucket('1 day'::interval, started_at)), project, user_id, source;
